"""A blog of its own with Puput, as its documentation sets it up: settings and addresses in one file."""

import os
import pathlib

from django.urls import include, path
from puput import PUPUT_APPS

BASE = pathlib.Path(os.getcwd())
SECRET_KEY, DEBUG, ALLOWED_HOSTS, ROOT_URLCONF, USE_TZ = "blog", False, ["*"], __name__, True
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
INSTALLED_APPS = [
    "django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "django.contrib.messages",
    "django.contrib.staticfiles", "django.contrib.sitemaps", *PUPUT_APPS,
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware", "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware", "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware", "wagtail.contrib.redirects.middleware.RedirectMiddleware",
]
TEMPLATES = [{
    "BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
    "OPTIONS": {"context_processors": [
        "django.template.context_processors.request", "django.contrib.auth.context_processors.auth", "django.contrib.messages.context_processors.messages",
    ]},
}]
STATIC_URL, STATIC_ROOT, MEDIA_URL, MEDIA_ROOT = "/static/", str(BASE / "static"), "/media/", str(BASE / "media")
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE / "blog.db"}}
WAGTAIL_SITE_NAME, WAGTAILADMIN_BASE_URL = "Puput blog", "http://127.0.0.1:23080"
WAGTAIL_ENABLE_UPDATE_CHECK = False


def __getattr__(name):
    # The addresses are made when they are first asked for, since the applications are not loaded yet when this file is.
    if name != "urlpatterns":
        raise AttributeError(name)
    globals()[name] = [path("", include("puput.urls"))]
    return globals()[name]
