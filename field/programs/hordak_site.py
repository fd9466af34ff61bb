"""Double-entry bookkeeping with django-hordak and its own pages: settings and addresses in one file."""

from django_site import *
from django.urls import include, path

ROOT_URLCONF = "hordak_site"
INSTALLED_APPS += ["mptt", "hordak"]
LOGIN_URL, LOGIN_REDIRECT_URL = "/admin/login/", "/"
DEFAULT_CURRENCY, CURRENCIES = "EUR", ["EUR", "USD"]
HORDAK_INTERNAL_CURRENCY = "EUR"


def __getattr__(name):
    # The addresses are made when they are first asked for, since the applications are not loaded yet when this file is.
    if name != "urlpatterns":
        raise AttributeError(name)
    from django.contrib import admin

    globals()[name] = [path("admin/", admin.site.urls), path("", include("hordak.urls", namespace="hordak")), path("auth/", include("django.contrib.auth.urls"))]
    return globals()[name]
