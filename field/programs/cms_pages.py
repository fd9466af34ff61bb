"""For `django-admin shell`: 60 pages in two languages, three levels deep, with texts."""

from cms.api import add_plugin, create_page, create_page_content
from django.contrib.auth.models import User
from django.contrib.sites.models import Site
from django.db import transaction

Site.objects.update_or_create(pk=1, defaults={"domain": "127.0.0.1:23130", "name": "Site"})
user = User.objects.create_superuser("ann", "ann@example.com", "secret")


def make(title, parent=None, home=False):
    page = create_page(title, "page.html", "en", created_by=user, parent=parent, in_navigation=True, slug=title.lower().replace(" ", "-"))
    contents = [page.get_content_obj("en"), create_page_content("de", f"{title} (deutsch)", page, created_by=user, in_navigation=True)]
    for content in contents:
        for slot in ("content", "aside"):
            place = content.get_placeholders().filter(slot=slot).first() or content.placeholders.create(slot=slot)
            for part in range(3 if slot == "content" else 1):
                add_plugin(place, "TextPlugin", content.language, body=f"<p>{title}, part {part}. " + "It says something. " * 15 + "</p>")
    if home:
        page.set_as_homepage(user)
    return page


whole = transaction.atomic()
whole.__enter__()
make("Home", home=True)
for number in range(6):
    top = make(f"Topic {number}")
    for child in range(4):
        below = make(f"Topic {number} part {child}", top)
        make(f"Topic {number} part {child} more", below)
whole.__exit__(None, None, None)
