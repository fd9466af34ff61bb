"""A Django project with a forum, as django-machina's documentation sets it up: settings and addresses in one file."""

import os
import pathlib

from django.urls import include, path
from machina import MACHINA_MAIN_STATIC_DIR, MACHINA_MAIN_TEMPLATE_DIR

BASE = pathlib.Path(os.getcwd())
SECRET_KEY, DEBUG, ALLOWED_HOSTS, ROOT_URLCONF, USE_TZ = "forum", False, ["*"], __name__, True
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
INSTALLED_APPS = [
    "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "django.contrib.messages",
    "django.contrib.staticfiles", "django.contrib.admin", "mptt", "haystack", "widget_tweaks", "machina",
    "machina.apps.forum", "machina.apps.forum_conversation", "machina.apps.forum_conversation.forum_attachments",
    "machina.apps.forum_conversation.forum_polls", "machina.apps.forum_feeds", "machina.apps.forum_moderation",
    "machina.apps.forum_search", "machina.apps.forum_tracking", "machina.apps.forum_member", "machina.apps.forum_permission",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware", "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware", "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware", "machina.apps.forum_permission.middleware.ForumPermissionMiddleware",
]
TEMPLATES = [{
    "BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [MACHINA_MAIN_TEMPLATE_DIR], "APP_DIRS": True,
    "OPTIONS": {"context_processors": [
        "django.template.context_processors.request", "django.contrib.auth.context_processors.auth",
        "django.contrib.messages.context_processors.messages", "machina.core.context_processors.metadata",
    ]},
}]
STATIC_URL, STATICFILES_DIRS, MEDIA_ROOT = "/static/", [MACHINA_MAIN_STATIC_DIR], str(BASE / "media")
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE / "forum.db"}}
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    "machina_attachments": {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": BASE / "attachments"},
}
HAYSTACK_CONNECTIONS = {"default": {"ENGINE": "haystack.backends.simple_backend.SimpleEngine"}}
MACHINA_DEFAULT_AUTHENTICATED_USER_FORUM_PERMISSIONS = [
    "can_see_forum", "can_read_forum", "can_start_new_topics", "can_reply_to_topics", "can_edit_own_posts",
    "can_post_without_approval", "can_create_polls", "can_vote_in_polls", "can_download_file",
]



def __getattr__(name):
    # The addresses are made when they are first asked for, since the applications are not loaded yet when this file is.
    if name != "urlpatterns":
        raise AttributeError(name)
    from django.contrib import admin

    globals()[name] = [path("admin/", admin.site.urls), path("forum/", include("machina.urls"))]
    return globals()[name]
