"""A Django site around one application, for the packages of the seventh draw: settings and addresses in one file, and a catalogue
of its own where the application needs something to refer to.

    FIELD_APPS   applications, separated by commas
    FIELD_URLS   addresses: PREFIX=MODULE, separated by commas
    FIELD_MORE   further settings, as lines of Python
"""

import os

from django_site import *
from django.urls import include, path

ROOT_URLCONF = "any_site"
SITE_ID = 1
TEMPLATES[0]["DIRS"] = [os.path.join(os.environ["PROGRAMS"], "any_templates")]
LOGIN_URL, LOGIN_REDIRECT_URL = "/admin/login/", "/admin/"
INSTALLED_APPS += ["django.contrib.sites", *filter(None, os.environ["FIELD_APPS"].split(","))]
exec(os.environ.get("FIELD_MORE", ""))


def __getattr__(name):
    # The addresses are made when they are first asked for, since the applications are not loaded yet when this file is.
    if name != "urlpatterns":
        raise AttributeError(name)
    from django.contrib import admin

    own = [one.split("=") for one in os.environ.get("FIELD_URLS", "").split(",") if one]
    globals()[name] = [path("admin/", admin.site.urls), *(path(prefix, include(module)) for prefix, module in own)]
    return globals()[name]
