"""What django-oscar's tutorial "Building your own shop" changes in a new project's settings and urls."""

import pathlib
import sys

folder = pathlib.Path(sys.argv[1])
settings = folder / "frobshop/settings.py"
text = settings.read_text()
text = "from oscar.defaults import *\nfrom oscar import INSTALLED_APPS as OSCAR_APPS\n" + text
text = text.replace("'django.middleware.clickjacking", "'oscar.apps.basket.middleware.BasketMiddleware',\n    'django.contrib.flatpages.middleware.FlatpageFallbackMiddleware',\n    'django.middleware.clickjacking")
context = ["oscar.apps.search.context_processors.search_form", "oscar.apps.checkout.context_processors.checkout",
           "oscar.apps.communication.notifications.context_processors.notifications", "oscar.core.context_processors.metadata"]
text = text.replace("'context_processors': [", "'context_processors': [\n" + "".join(f"                {name!r},\n" for name in context))
text += """
INSTALLED_APPS = [*OSCAR_APPS, "sorl.thumbnail"]
SITE_ID = 1
ALLOWED_HOSTS = ["*"]
AUTHENTICATION_BACKENDS = ("oscar.apps.customer.auth_backends.EmailBackend", "django.contrib.auth.backends.ModelBackend")
HAYSTACK_CONNECTIONS = {"default": {"ENGINE": "haystack.backends.whoosh_backend.WhooshEngine", "PATH": BASE_DIR / "whoosh_index", "INCLUDE_SPELLING": True}}
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
OSCAR_INITIAL_ORDER_STATUS = "Pending"
OSCAR_INITIAL_LINE_STATUS = "Pending"
OSCAR_ORDER_STATUS_PIPELINE = {"Pending": ("Being processed", "Cancelled"), "Being processed": ("Processed", "Cancelled"), "Cancelled": ()}
MEDIA_ROOT = BASE_DIR / "media"
MEDIA_URL = "/media/"
"""
settings.write_text(text)
(folder / "frobshop/urls.py").write_text("""from django.apps import apps
from django.contrib import admin
from django.urls import include, path

urlpatterns = [path("i18n/", include("django.conf.urls.i18n")), path("admin/", admin.site.urls), path("", include(apps.get_app_config("oscar").urls[0]))]
""")
