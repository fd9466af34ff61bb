"""For `django-admin shell`: 60 posts by four authors in nested categories, with tags, images and related posts."""

import datetime
import io
import random

from cms.api import add_plugin, create_page, publish_page
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.db import transaction
from django.utils import timezone
from djangocms_blog.cms_appconfig import BlogConfig
from djangocms_blog.models import BlogCategory, Post
from filer.models import Image
from PIL import Image as Picture

drawn = random.Random(4)
ann = User.objects.create_superuser("ann", "ann@example.com", "secret", first_name="Ann")
people = [ann] + [User.objects.create_user(name, f"{name}@example.com", "secret", first_name=name.title()) for name in ("ben", "cleo", "dan")]
config, _ = BlogConfig.objects.get_or_create(namespace="Blog", defaults={"app_title": "Blog", "object_name": "Article"})
home = create_page("Home", "page.html", "en", published=True, in_navigation=True)
home.set_as_homepage()
create_page("Blog", "page.html", "en", apphook="BlogApp", apphook_namespace=config.namespace, published=True, in_navigation=True)
categories = []
for name in ("Travel", "Food", "Music", "Code"):
    top = BlogCategory.objects.create(name=name, slug=name.lower(), app_config=config)
    categories += [top] + [BlogCategory.objects.create(name=f"{name} {part}", slug=f"{name.lower()}-{part}", parent=top, app_config=config) for part in ("notes", "tips")]
pictures = []
for number in range(8):
    data = io.BytesIO()
    Picture.new("RGB", (900, 600), (30 * number, 100, 180)).save(data, "JPEG")
    pictures.append(Image.objects.create(owner=ann, original_filename=f"picture-{number}.jpg", file=ContentFile(data.getvalue(), f"picture-{number}.jpg")))
posts = []
for number in range(60):
    post = Post.objects.create(
        title=f"Post {number}", slug=f"post-{number}", abstract="<p>In short.</p>", author=drawn.choice(people), app_config=config, publish=True,
        date_published=timezone.now() - datetime.timedelta(days=6 * number), main_image=pictures[number % 8])
    post.categories.add(*drawn.sample(categories, 2))
    post.tags.add(*drawn.sample(["sea", "wood", "bread", "guitar", "python", "winter", "friends", "books"], 3))
    add_plugin(post.content, "TextPlugin", "en", body="<p>Some text that says what it is about.</p>" * 5)
    posts.append(post)
for post in posts:
    post.related.add(*drawn.sample([other for other in posts if other != post], 2))
