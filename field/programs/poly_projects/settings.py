"""Projects of several kinds with their tasks, after the quick start of django-polymorphic, over pages, REST and the administration."""

from django_site import *

ROOT_URLCONF = "poly_projects.urls"
INSTALLED_APPS += ["polymorphic", "poly_projects"]
