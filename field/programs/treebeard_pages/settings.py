"""A manual whose pages are a materialized path and whose parts of a company are an adjacency list, after treebeard's tutorial."""

from django_site import *

ROOT_URLCONF = "treebeard_pages.urls"
INSTALLED_APPS += ["treebeard", "treebeard_pages"]
