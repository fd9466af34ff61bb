"""For `django-admin shell`: three trees of 85 nodes each."""

from treebeard_pages.models import Page, Subject, Unit

for model, key in ((Page, "title"), (Unit, "name"), (Subject, "name")):
    for top in range(5):
        root = model.add_root(**{key: f"Part {top}"})
        for middle in range(4):
            below = model.objects.get(pk=root.pk).add_child(**{key: f"Chapter {top}.{middle}"})
            for leaf in range(3):
                model.objects.get(pk=below.pk).add_child(**{key: f"Section {top}.{middle}.{leaf}"})
