"""A place to talk, whose members are notified of what others do there; after the quick start of django-notifications."""

from django_site import *

ROOT_URLCONF = "notices_site.urls"
INSTALLED_APPS += ["notifications", "notices_site"]
DJANGO_NOTIFICATIONS_CONFIG = {"USE_JSONFIELD": True}
LOGIN_URL = "/admin/login/"
