"""A Django project with a wiki, as django-wiki's documentation sets it up: settings and addresses in one file."""

import os
import pathlib

from django.urls import reverse_lazy

BASE = pathlib.Path(os.getcwd())
SECRET_KEY, DEBUG, ALLOWED_HOSTS, ROOT_URLCONF, USE_TZ, SITE_ID = "wiki", False, ["*"], __name__, True, 1
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
INSTALLED_APPS = [
    "django.contrib.humanize.apps.HumanizeConfig", "django.contrib.auth.apps.AuthConfig", "django.contrib.contenttypes.apps.ContentTypesConfig",
    "django.contrib.sessions.apps.SessionsConfig", "django.contrib.sites.apps.SitesConfig", "django.contrib.messages.apps.MessagesConfig",
    "django.contrib.staticfiles.apps.StaticFilesConfig", "django.contrib.admin.apps.AdminConfig", "django.contrib.admindocs.apps.AdminDocsConfig",
    "sekizai", "sorl.thumbnail", "django_nyt.apps.DjangoNytConfig", "wiki.apps.WikiConfig", "wiki.plugins.macros.apps.MacrosConfig",
    "wiki.plugins.help.apps.HelpConfig", "wiki.plugins.links.apps.LinksConfig", "wiki.plugins.images.apps.ImagesConfig",
    "wiki.plugins.attachments.apps.AttachmentsConfig", "wiki.plugins.notifications.apps.NotificationsConfig",
    "wiki.plugins.editsection.apps.EditSectionConfig", "wiki.plugins.globalhistory.apps.GlobalHistoryConfig", "mptt",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware", "django.middleware.common.CommonMiddleware", "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware", "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [{
    "BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
    "OPTIONS": {"context_processors": [
        "django.contrib.auth.context_processors.auth", "django.template.context_processors.debug", "django.template.context_processors.i18n",
        "django.template.context_processors.request", "django.template.context_processors.tz", "django.contrib.messages.context_processors.messages",
        "sekizai.context_processors.sekizai",
    ]},
}]
STATIC_URL, MEDIA_URL, MEDIA_ROOT = "/static/", "/media/", str(BASE / "media")
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE / "wiki.db"}}
LOGIN_REDIRECT_URL = reverse_lazy("wiki:get", kwargs={"path": ""})
WIKI_ANONYMOUS_WRITE, WIKI_ANONYMOUS_CREATE, WIKI_ACCOUNT_HANDLING = False, False, True


def __getattr__(name):
    # The addresses are made when they are first asked for, since the applications are not loaded yet when this file is.
    if name != "urlpatterns":
        raise AttributeError(name)
    from django.contrib import admin
    from django.urls import include, path

    globals()[name] = [path("admin/", admin.site.urls), path("notifications/", include("django_nyt.urls")), path("", include("wiki.urls"))]
    return globals()[name]
