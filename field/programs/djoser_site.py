"""People and their accounts over REST, after djoser's getting started: settings and addresses in one file."""

from django_site import *
from django.urls import include, path

ROOT_URLCONF = "djoser_site"
INSTALLED_APPS += ["rest_framework", "rest_framework.authtoken", "djoser"]
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.TokenAuthentication", "rest_framework_simplejwt.authentication.JWTAuthentication"],
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.PageNumberPagination", "PAGE_SIZE": 30,
}
DJOSER = {"PASSWORD_RESET_CONFIRM_URL": "reset/{uid}/{token}", "ACTIVATION_URL": "activate/{uid}/{token}", "SEND_ACTIVATION_EMAIL": False}
SIMPLE_JWT = {"AUTH_HEADER_TYPES": ("JWT",)}


def __getattr__(name):
    # The addresses are made when they are first asked for, since the applications are not loaded yet when this file is.
    if name != "urlpatterns":
        raise AttributeError(name)
    from django.contrib import admin

    globals()[name] = [path("admin/", admin.site.urls), path("auth/", include("djoser.urls")), path("auth/", include("djoser.urls.authtoken")), path("auth/", include("djoser.urls.jwt"))]
    return globals()[name]
