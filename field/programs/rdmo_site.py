"""RDMO with the settings of its application template, on PostgreSQL at the port FIELD_PORT: settings and addresses in one file."""

import os
import pathlib

from django.urls import include, path
from rdmo.core.settings import *

BASE = pathlib.Path(os.getcwd())
SECRET_KEY, ALLOWED_HOSTS, ROOT_URLCONF = "a secret of at least thirty-two letters", ["*"], "rdmo_site"
DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "field", "USER": "field", "HOST": "127.0.0.1", "PORT": os.environ["FIELD_PORT"]}}
STATIC_ROOT, MEDIA_ROOT, COMPRESS_ENABLED = str(BASE / "static"), str(BASE / "media"), False
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
DEFAULT_URI_PREFIX, WSGI_APPLICATION = "https://example.com/terms", None


def __getattr__(name):
    # The addresses are made when they are first asked for, since the applications are not loaded yet when this file is.
    if name != "urlpatterns":
        raise AttributeError(name)
    from django.contrib import admin
    from rdmo.core.views import about, home

    globals()[name] = [path("", home, name="home"), path("about/", about, name="about"), path("", include("rdmo.core.urls")), path("api/v1/", include("rdmo.core.urls.v1")), path("admin/", admin.site.urls)]
    return globals()[name]
