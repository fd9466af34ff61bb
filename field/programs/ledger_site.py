"""Bookkeeping with Django Ledger, as its quick start sets it up: settings and addresses in one file."""

from django_site import *
from django.urls import include, path

ROOT_URLCONF = "ledger_site"
INSTALLED_APPS += ["django_ledger"]
TEMPLATES[0]["OPTIONS"]["context_processors"].append("django_ledger.context.django_ledger_context")
LOGIN_URL = "/ledger/auth/login/"


def __getattr__(name):
    # The addresses are made when they are first asked for, since the applications are not loaded yet when this file is.
    if name != "urlpatterns":
        raise AttributeError(name)
    from django.contrib import admin

    globals()[name] = [path("admin/", admin.site.urls), path("ledger/", include("django_ledger.urls", namespace="django_ledger"))]
    return globals()[name]
