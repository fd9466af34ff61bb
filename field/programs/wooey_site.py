"""Scripts with web forms, after Wooey's test settings: settings and addresses in one file."""

from django_site import *
from django.urls import include, path

ROOT_URLCONF = "wooey_site"
INSTALLED_APPS += ["wooey"]
WOOEY_CELERY, WOOEY_ENABLE_API_KEYS, WOOEY_ALLOW_ANONYMOUS = False, True, True
LOGIN_URL = "/login/"
MEDIA_ROOT = str(BASE / "user_uploads")


def __getattr__(name):
    # The addresses are made when they are first asked for, since the applications are not loaded yet when this file is.
    if name != "urlpatterns":
        raise AttributeError(name)
    from django.conf.urls.static import static
    from django.contrib import admin

    globals()[name] = [path("admin/", admin.site.urls), path("", include("wooey.urls")), path("", include("django.contrib.auth.urls"))]
    return globals()[name]
