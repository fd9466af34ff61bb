"""What django-photologue's installation page adds to a new project, and ten galleries of pictures as zip files.

    photologue_album.py FOLDER
"""

import io
import pathlib
import random
import sys
import zipfile

from PIL import Image, ImageDraw

folder = pathlib.Path(sys.argv[1])
settings = folder / "album/settings.py"
text = settings.read_text()
text = text.replace("INSTALLED_APPS = [", "INSTALLED_APPS = [\n    'django.contrib.sites',\n    'photologue',\n    'sortedm2m',", 1)
text = text.replace("'DIRS': []", "'DIRS': [BASE_DIR / 'templates']")
text += """
SITE_ID = 1
ALLOWED_HOSTS = ["*"]
MEDIA_ROOT = BASE_DIR / "media"
MEDIA_URL = "/media/"
"""
settings.write_text(text)
(folder / "album/urls.py").write_text("""from django.conf import settings
from django.conf.urls.static import static
from django.contrib import admin
from django.contrib.sitemaps.views import sitemap
from django.urls import include, path
from photologue.sitemaps import GallerySitemap, PhotoSitemap

urlpatterns = [path("admin/", admin.site.urls), path("photologue/", include("photologue.urls", namespace="photologue")),
               path("sitemap.xml", sitemap, {"sitemaps": {"galleries": GallerySitemap, "photos": PhotoSitemap}})]
urlpatterns += static(settings.MEDIA_URL, document_root=settings.MEDIA_ROOT)
""")
(folder / "templates").mkdir(exist_ok=True)
(folder / "templates/base.html").write_text("<html><head><title>{% block title %}{% endblock %}</title></head><body>{% block content %}{% endblock %}</body></html>")

chance = random.Random(3)
for gallery in range(10):
    with zipfile.ZipFile(folder / f"gallery{gallery}.zip", "w") as archive:
        for number in range(14):
            picture = Image.new("RGB", chance.choice([(1200, 800), (800, 1200), (1000, 1000)]), tuple(chance.randrange(256) for _ in range(3)))
            ImageDraw.Draw(picture).ellipse([chance.randrange(400), chance.randrange(400), 700, 700], fill=(chance.randrange(256), 80, 90))
            data = io.BytesIO()
            picture.save(data, "JPEG")
            archive.writestr(f"picture {number:02}.jpg", data.getvalue())
