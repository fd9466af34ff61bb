from django.contrib import admin
from treebeard.admin import TreeAdmin
from treebeard.forms import movenodeform_factory

from .models import Page, Subject, Unit

for model in (Page, Unit, Subject):
    admin.site.register(model, TreeAdmin, form=movenodeform_factory(model))
