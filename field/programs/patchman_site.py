"""Patchman's own settings on PostgreSQL at the port FIELD_PORT, its tasks carried out where they are asked for."""

import os

from patchman.settings import *

SECRET_KEY, DEBUG, ALLOWED_HOSTS, REQUIRE_API_KEY = "a secret of at least thirty-two letters", False, ["*"], False
DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "field", "USER": "field", "HOST": "127.0.0.1", "PORT": os.environ["FIELD_PORT"]}}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
LOGIN_REDIRECT_URL, LOGIN_URL, STATIC_URL = "/", "/login/", "/static/"
CELERY_TASK_ALWAYS_EAGER = True
