"""A blog in django CMS, as djangocms-blog's documentation sets it up: settings and addresses in one file."""

import pathlib

from django_site import *
from django.urls import include, path

ROOT_URLCONF = "blog_site"
HERE = pathlib.Path(__file__).parent
INSTALLED_APPS = ["djangocms_admin_style", *INSTALLED_APPS, "django.contrib.sites", "django.contrib.sitemaps",
    "cms", "menus", "treebeard", "sekizai", "djangocms_text_ckeditor", "filer", "easy_thumbnails", "aldryn_apphooks_config", "parler",
    "taggit", "taggit_autosuggest", "meta", "sortedm2m", "djangocms_blog"]
MIDDLEWARE += [
    "django.middleware.locale.LocaleMiddleware", "django.middleware.clickjacking.XFrameOptionsMiddleware", "cms.middleware.user.CurrentUserMiddleware",
    "cms.middleware.page.CurrentPageMiddleware", "cms.middleware.toolbar.ToolbarMiddleware", "cms.middleware.language.LanguageCookieMiddleware",
]
TEMPLATES[0]["DIRS"] = [HERE / "blog_site_templates"]
TEMPLATES[0]["OPTIONS"]["context_processors"] += [
    "django.template.context_processors.i18n", "sekizai.context_processors.sekizai", "cms.context_processors.cms_settings",
]
SITE_ID, LANGUAGE_CODE, LANGUAGES, X_FRAME_OPTIONS = 1, "en", [("en", "English")], "SAMEORIGIN"
PARLER_LANGUAGES = {1: ({"code": "en"},), "default": {"fallbacks": ["en"], "hide_untranslated": False}}
CMS_TEMPLATES, CMS_PERMISSION = [("page.html", "Page")], False
THUMBNAIL_PROCESSORS = (
    "easy_thumbnails.processors.colorspace", "easy_thumbnails.processors.autocrop", "filer.thumbnail_processors.scale_and_crop_with_subject_location",
    "easy_thumbnails.processors.filters",
)
META_SITE_PROTOCOL, META_USE_SITES = "http", True
BLOG_AUTO_SETUP = True


def __getattr__(name):
    # The addresses are made when they are first asked for, since the applications are not loaded yet when this file is.
    if name != "urlpatterns":
        raise AttributeError(name)
    from django.contrib import admin
    from django.contrib.sitemaps.views import sitemap
    from djangocms_blog.sitemaps import BlogSitemap

    globals()[name] = [
        path("admin/", admin.site.urls), path("taggit_autosuggest/", include("taggit_autosuggest.urls")), path("sitemap.xml", sitemap, {"sitemaps": {"blog": BlogSitemap}}), path("", include("cms.urls")),
    ]
    return globals()[name]
