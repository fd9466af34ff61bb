"""The smallest settings with which the cookbook of Graphene-Django's tutorial runs."""

import os

SECRET_KEY = "field"
DEBUG = True
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "graphene_cookbook.urls"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "django.contrib.staticfiles",
                  "graphene_django", "django_filters", "graphene_cookbook"]
MIDDLEWARE = ["django.contrib.sessions.middleware.SessionMiddleware", "django.middleware.common.CommonMiddleware",
              "django.contrib.auth.middleware.AuthenticationMiddleware"]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.path.join(os.getcwd(), "cookbook.sqlite3")}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STATIC_URL = "static/"
USE_TZ = True
GRAPHENE = {"SCHEMA": "graphene_cookbook.schema.schema"}
