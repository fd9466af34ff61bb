"""A small blog that Silk watches, as its documentation sets it up."""

from django_site import *

ROOT_URLCONF = "silk_blog.urls"
INSTALLED_APPS += ["silk", "silk_blog"]
MIDDLEWARE.insert(0, "silk.middleware.SilkyMiddleware")
SILKY_META = True
