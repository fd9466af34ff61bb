"""A catalogue whose categories are a tree, after the tutorial of django-mptt."""

import pathlib

from django_site import *

ROOT_URLCONF = "mptt_shop.urls"
INSTALLED_APPS += ["mptt", "mptt_shop"]
TEMPLATES[0]["DIRS"] = [pathlib.Path(__file__).parent / "templates"]
