"""News in three languages, after the quick start of django-parler and its example project."""

from django_site import *

ROOT_URLCONF = "parler_news.urls"
INSTALLED_APPS += ["parler", "parler_news"]
LANGUAGE_CODE, LANGUAGES = "en", [("en", "English"), ("de", "German"), ("fr", "French")]
PARLER_LANGUAGES = {None: ({"code": "en"}, {"code": "de"}, {"code": "fr"}), "default": {"fallbacks": ["en"], "hide_untranslated": False}}
MIDDLEWARE.insert(1, "django.middleware.locale.LocaleMiddleware")
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
