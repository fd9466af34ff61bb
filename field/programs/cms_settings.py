"""A site with django CMS, as its documentation sets one up by hand: settings and addresses in one file."""

import os
import pathlib

from django.urls import include, path

BASE, HERE = pathlib.Path(os.getcwd()), pathlib.Path(__file__).parent
SECRET_KEY, DEBUG, ALLOWED_HOSTS, ROOT_URLCONF, USE_TZ = "site", False, ["*"], __name__, True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
    "django.contrib.messages", "django.contrib.sites", "django.contrib.staticfiles", "cms", "menus", "treebeard", "sekizai", "djangocms_text",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware", "django.middleware.locale.LocaleMiddleware", "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware", "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware", "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "cms.middleware.user.CurrentUserMiddleware", "cms.middleware.page.CurrentPageMiddleware", "cms.middleware.toolbar.ToolbarMiddleware",
    "cms.middleware.language.LanguageCookieMiddleware",
]
TEMPLATES = [{
    "BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [HERE / "cms_templates"], "APP_DIRS": True,
    "OPTIONS": {"context_processors": [
        "django.template.context_processors.request", "django.template.context_processors.i18n", "django.contrib.auth.context_processors.auth",
        "django.contrib.messages.context_processors.messages", "sekizai.context_processors.sekizai", "cms.context_processors.cms_settings",
    ]},
}]
STATIC_URL, MEDIA_URL, MEDIA_ROOT, X_FRAME_OPTIONS = "/static/", "/media/", str(BASE / "media"), "SAMEORIGIN"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE / "site.db"}}
SITE_ID, LANGUAGE_CODE, LANGUAGES = 1, "en", [("en", "English"), ("de", "German")]
CMS_TEMPLATES, CMS_PERMISSION, CMS_CONFIRM_VERSION4 = [("page.html", "Page")], True, True


def __getattr__(name):
    # The addresses are made when they are first asked for, since the applications are not loaded yet when this file is.
    if name != "urlpatterns":
        raise AttributeError(name)
    from django.conf.urls.i18n import i18n_patterns
    from django.contrib import admin

    globals()[name] = i18n_patterns(path("admin/", admin.site.urls), path("", include("cms.urls")))
    return globals()[name]
