"""For `django-admin shell`: a catalogue of four sections with pages and questions, and 25 projects of six people with answers."""

import random

from django.contrib.auth.models import User
from django.contrib.sites.models import Site
from rdmo.domain.models import Attribute
from rdmo.options.models import Option, OptionSet
from rdmo.options.models import OptionSetOption
from rdmo.projects.models import Membership, Project, Snapshot, Value
from rdmo.questions.models import Catalog, CatalogSection, Page, PageQuestion, Question, Section, SectionPage
from rdmo.tasks.models import Task
from rdmo.views.models import View

drawn, prefix, site = random.Random(4), "https://example.com/terms", Site.objects.first()
ann = User.objects.create_superuser("ann", "ann@example.com", "secret")
people = [ann] + [User.objects.create_user(f"person{number}", f"person{number}@example.com", "secret") for number in range(5)]
root = Attribute.objects.create(uri_prefix=prefix, key="project")
options = OptionSet.objects.create(uri_prefix=prefix, uri_path="yes-no")
for number, text in enumerate(("Yes", "No", "Perhaps")):
    option = Option.objects.create(uri_prefix=prefix, uri_path=f"yes-no/{number}", text_lang1=text, text_lang2=text)
    OptionSetOption.objects.create(optionset=options, option=option, order=number)
catalog = Catalog.objects.create(uri_prefix=prefix, uri_path="plan", title_lang1="Plan", title_lang2="Plan", available=True)
catalog.sites.add(site)
attributes = []
for one in range(4):
    section = Section.objects.create(uri_prefix=prefix, uri_path=f"plan/{one}", title_lang1=f"Section {one}", title_lang2=f"Section {one}")
    CatalogSection.objects.create(catalog=catalog, section=section, order=one)
    for two in range(3):
        page = Page.objects.create(uri_prefix=prefix, uri_path=f"plan/{one}/{two}", title_lang1=f"Page {one}.{two}", title_lang2="Seite", is_collection=False)
        SectionPage.objects.create(section=section, page=page, order=two)
        for three in range(4):
            attribute = Attribute.objects.create(uri_prefix=prefix, key=f"a{one}-{two}-{three}", parent=root)
            question = Question.objects.create(uri_prefix=prefix, uri_path=f"plan/{one}/{two}/{three}", attribute=attribute, text_lang1=f"What about {three}?", text_lang2="Was?", widget_type="radio" if three == 0 else "text", value_type="option" if three == 0 else "text")
            if three == 0:
                question.optionsets.add(options)
            PageQuestion.objects.create(page=page, question=question, order=three)
            attributes.append(attribute)
for number in range(4):
    Task.objects.create(uri_prefix=prefix, uri_path=f"task{number}", title_lang1=f"Task {number}", available=True)
    View.objects.create(uri_prefix=prefix, uri_path=f"view{number}", title_lang1=f"View {number}", template="<h1>{{ project.title }}</h1>{% load view_tags %}", available=True)
for number in range(25):
    project = Project.objects.create(title=f"Project {number}", description="What is planned.", catalog=catalog, site=site)
    for who, role in zip(drawn.sample(people, 3), ("owner", "author", "guest")):
        Membership.objects.create(user=who, project=project, role=role)
    Membership.objects.get_or_create(user=ann, project=project, defaults={"role": "owner"})
    for attribute in drawn.sample(attributes, 20):
        Value.objects.create(project=project, attribute=attribute, text="An answer", value_type="text")
    project.views.add(*View.objects.all()[:2])
    if number % 3 == 0:
        Snapshot.objects.create(project=project, title="First version")
