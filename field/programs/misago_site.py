"""The settings of Misago's development project on PostgreSQL at the port FIELD_PORT, without its debugging, tasks carried out in place."""

import os

from devproject.settings import *

DEBUG, ALLOWED_HOSTS, SECRET_KEY = False, ["*"], "a secret of at least thirty-two letters"
DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "field", "USER": "field", "HOST": "127.0.0.1", "PORT": os.environ["FIELD_PORT"]}}
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
CELERY_TASK_ALWAYS_EAGER = True
MISAGO_ADDRESS = "http://127.0.0.1:24381/"
INSTALLED_APPS = [app for app in INSTALLED_APPS if app != "debug_toolbar"]
MIDDLEWARE = [one for one in MIDDLEWARE if "debug_toolbar" not in one and "debugtoolbar" not in one]
INTERNAL_IPS = []
