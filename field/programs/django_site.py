"""What the Django sites of the sixth draw share: settings for one on PostgreSQL at the port FIELD_PORT, as `startproject` makes them."""

import os
import pathlib

BASE = pathlib.Path(os.getcwd())
SECRET_KEY, DEBUG, ALLOWED_HOSTS, USE_TZ = "a secret of at least thirty-two letters", False, ["*"], True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = os.environ["DJANGO_SETTINGS_MODULE"]
INSTALLED_APPS = [
    "django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "django.contrib.messages",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware", "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware", "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [{
    "BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True, "DIRS": [],
    "OPTIONS": {"context_processors": [
        "django.template.context_processors.request", "django.contrib.auth.context_processors.auth", "django.contrib.messages.context_processors.messages",
    ]},
}]
STATIC_URL, STATIC_ROOT, MEDIA_URL, MEDIA_ROOT = "/static/", str(BASE / "static"), "/media/", str(BASE / "media")
DATABASES = {"default": {
    "ENGINE": "django.db.backends.postgresql", "NAME": "field", "USER": "field", "HOST": "127.0.0.1", "PORT": os.environ["FIELD_PORT"],
}}
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
