"""An authorization server with Django OAuth Toolkit, as its tutorial builds it: settings, addresses and a protected page in one file."""

from django_site import *
from django.urls import include, path

ROOT_URLCONF = "oauth_site"
INSTALLED_APPS += ["oauth2_provider"]
MIDDLEWARE += ["oauth2_provider.middleware.OAuth2TokenMiddleware"]
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend", "oauth2_provider.backends.OAuth2Backend"]
LOGIN_URL = "/admin/login/"
OAUTH2_PROVIDER = {"SCOPES": {"read": "Read", "write": "Write"}, "PKCE_REQUIRED": False}


def __getattr__(name):
    # The addresses are made when they are first asked for, since the applications are not loaded yet when this file is.
    if name != "urlpatterns":
        raise AttributeError(name)
    from django.contrib import admin
    from django.http import JsonResponse
    from oauth2_provider.views.generic import ProtectedResourceView

    class Me(ProtectedResourceView):
        def get(self, request):
            return JsonResponse({"name": request.resource_owner.username if request.resource_owner else None})

    globals()[name] = [path("admin/", admin.site.urls), path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")), path("me/", Me.as_view())]
    return globals()[name]
