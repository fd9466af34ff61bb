"""A small shop whose mails, prices and reports Django Q2 takes care of, with its queue in the database."""

import os

SECRET_KEY = "x"
DEBUG = False
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = ["django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "django.contrib.messages",
                  "django.contrib.staticfiles", "django_q", "q2_shop"]
MIDDLEWARE = ["django.contrib.sessions.middleware.SessionMiddleware", "django.middleware.common.CommonMiddleware",
              "django.contrib.auth.middleware.AuthenticationMiddleware", "django.contrib.messages.middleware.MessageMiddleware"]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True, "OPTIONS": {"context_processors": [
    "django.template.context_processors.request", "django.contrib.auth.context_processors.auth", "django.contrib.messages.context_processors.messages"]}}]
ROOT_URLCONF = "q2_shop.urls"
DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "field", "USER": "field", "HOST": "127.0.0.1", "PORT": os.environ["SHOP_DATABASE"]}}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "cache"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STATIC_URL = "/static/"
USE_TZ = True
Q_CLUSTER = {"name": "shop", "workers": 2, "timeout": 60, "retry": 120, "queue_limit": 20, "bulk": 5, "orm": "default", "catch_up": False}
