"""Newsletters with subscribers and messages, as django-newsletter's documentation sets it up: settings and addresses in one file."""

from django_site import *
from django.urls import include, path

ROOT_URLCONF = "newsletter_site"
INSTALLED_APPS += ["django.contrib.sites", "easy_thumbnails", "newsletter"]
SITE_ID, NEWSLETTER_THUMBNAIL = 1, "easy-thumbnails"
NEWSLETTER_CONFIRM_EMAIL = False


def __getattr__(name):
    # The addresses are made when they are first asked for, since the applications are not loaded yet when this file is.
    if name != "urlpatterns":
        raise AttributeError(name)
    from django.contrib import admin

    globals()[name] = [path("admin/", admin.site.urls), path("newsletter/", include("newsletter.urls"))]
    return globals()[name]
