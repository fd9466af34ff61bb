"""Calendars with recurring events, after django-scheduler's sample project: settings and addresses in one file."""

import pathlib

from django_site import *
from django.urls import include, path

ROOT_URLCONF = "scheduler_site"
INSTALLED_APPS += ["schedule"]
TEMPLATES[0]["DIRS"] = [pathlib.Path(__file__).parent / "scheduler_templates"]
LOGIN_URL = "/admin/login/"


def __getattr__(name):
    # The addresses are made when they are first asked for, since the applications are not loaded yet when this file is.
    if name != "urlpatterns":
        raise AttributeError(name)
    from django.contrib import admin

    globals()[name] = [path("admin/", admin.site.urls), path("schedule/", include("schedule.urls"))]
    return globals()[name]
