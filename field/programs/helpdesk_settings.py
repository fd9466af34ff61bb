"""What django-helpdesk's installation page adds to a new project's settings, and its urls."""

import pathlib
import sys

folder = pathlib.Path(sys.argv[1])
settings = folder / "desk/settings.py"
text = settings.read_text()
apps = ["django.contrib.sites", "django.contrib.humanize", "rest_framework", "helpdesk"]
text = text.replace("INSTALLED_APPS = [", "INSTALLED_APPS = [\n" + "".join(f"    {app!r},\n" for app in apps), 1)
text += """
SITE_ID = 1
ALLOWED_HOSTS = ["*"]
LOGIN_URL = "helpdesk:login"
LOGIN_REDIRECT_URL = "helpdesk:home"
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
HELPDESK_TEAMS_MODE_ENABLED = False
HELPDESK_TEAMS_MODEL = "auth.Group"
HELPDESK_TEAMS_MIGRATION_DEPENDENCIES = []
HELPDESK_KBITEM_TEAM_GETTER = lambda _: None
HELPDESK_KB_ENABLED = True
HELPDESK_NAVIGATION_ENABLED = True
HELPDESK_ACTIVATE_API_ENDPOINT = True
MEDIA_ROOT = BASE_DIR / "media"
MEDIA_URL = "/media/"
"""
settings.write_text(text)
(folder / "desk/urls.py").write_text("""from django.contrib import admin
from django.urls import include, path

urlpatterns = [path("admin/", admin.site.urls), path("", include("helpdesk.urls", namespace="helpdesk"))]
""")
