"""People and organizations with OpenWISP Users, set up as its documentation has it: settings and addresses in one file."""

from django_site import *
from django.urls import include, path

ROOT_URLCONF = "openwisp_site"
INSTALLED_APPS = [
    "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "django.contrib.messages", "django.contrib.staticfiles",
    "openwisp_utils.admin_theme", "openwisp_users.accounts", "django_extensions", "allauth", "allauth.account", "allauth.socialaccount",
    "django.contrib.sites", "admin_auto_filters", "openwisp_users", "django.contrib.admin", "rest_framework", "rest_framework.authtoken", "django_filters", "organizations",
]
INSTALLED_APPS.remove("organizations")
MIDDLEWARE += ["allauth.account.middleware.AccountMiddleware"]
TEMPLATES[0]["APP_DIRS"] = False
TEMPLATES[0]["OPTIONS"]["loaders"] = ["django.template.loaders.filesystem.Loader", "openwisp_utils.loaders.DependencyLoader", "django.template.loaders.app_directories.Loader"]
TEMPLATES[0]["OPTIONS"]["context_processors"] += ["openwisp_utils.admin_theme.context_processor.menu_groups", "openwisp_utils.admin_theme.context_processor.admin_theme_settings"]
AUTH_USER_MODEL, SITE_ID = "openwisp_users.User", 1
AUTHENTICATION_BACKENDS = ["openwisp_users.backends.UsersAuthenticationBackend"]
LOGIN_REDIRECT_URL = ACCOUNT_LOGOUT_REDIRECT_URL = "admin:index"
OPENWISP_USERS_AUTH_API, OPENWISP_USERS_AUTH_THROTTLE_RATE = True, "10000/day"
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder", "django.contrib.staticfiles.finders.AppDirectoriesFinder", "openwisp_utils.staticfiles.DependencyFinder",
]


def __getattr__(name):
    # The addresses are made when they are first asked for, since the applications are not loaded yet when this file is.
    if name != "urlpatterns":
        raise AttributeError(name)
    from django.contrib import admin

    globals()[name] = [path("admin/", admin.site.urls), path("accounts/", include("openwisp_users.accounts.urls")), path("api/v1/", include("openwisp_users.api.urls"))]
    return globals()[name]
