"""The administration with django-filer, as its documentation sets it up: settings and addresses in one file."""

import os
import pathlib

from django.urls import include, path

BASE = pathlib.Path(os.getcwd())
SECRET_KEY, DEBUG, ALLOWED_HOSTS, ROOT_URLCONF, USE_TZ = "files", False, ["*"], __name__, True
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
INSTALLED_APPS = [
    "django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "django.contrib.messages",
    "django.contrib.staticfiles", "easy_thumbnails", "filer",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware", "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware", "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [{
    "BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
    "OPTIONS": {"context_processors": [
        "django.template.context_processors.request", "django.contrib.auth.context_processors.auth", "django.contrib.messages.context_processors.messages",
    ]},
}]
STATIC_URL, MEDIA_URL, MEDIA_ROOT = "/static/", "/media/", str(BASE / "media")
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE / "files.db"}}
FILER_ENABLE_PERMISSIONS = True
FILER_CANONICAL_URL = "sharing/"
THUMBNAIL_HIGH_RESOLUTION = True
THUMBNAIL_PROCESSORS = (
    "easy_thumbnails.processors.colorspace", "easy_thumbnails.processors.autocrop",
    "filer.thumbnail_processors.scale_and_crop_with_subject_location", "easy_thumbnails.processors.filters",
)


def __getattr__(name):
    # The addresses are made when they are first asked for, since the applications are not loaded yet when this file is.
    if name != "urlpatterns":
        raise AttributeError(name)
    from django.contrib import admin

    globals()[name] = [path("admin/", admin.site.urls), path("filer/", include("filer.urls"))]
    return globals()[name]
