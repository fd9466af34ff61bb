"""For `django-admin shell`, after puput_initial_data: 60 entries by four authors with images, categories, tags and related ones."""

import datetime
import io
import random

from django.contrib.auth.models import User
from django.core.files.images import ImageFile
from django.db import transaction
from django.utils import timezone
from PIL import Image as Picture
from puput.models import BlogPage, Category, CategoryEntryPage, EntryPage, EntryPageRelated
from wagtail.images.models import Image
from wagtail.models import Site

whole = transaction.atomic()
whole.__enter__()
drawn = random.Random(4)
Site.objects.update(hostname="127.0.0.1", port=23080)
blog = BlogPage.objects.first()
people = [User.objects.create_superuser("ann", "ann@example.com", "secret", first_name="Ann")]
people += [User.objects.create_user(name, f"{name}@example.com", "secret", first_name=name.title()) for name in ("ben", "cleo", "dan")]
top = [Category.objects.create(name=name, slug=name.lower()) for name in ("Travel", "Food", "Music", "Code")]
under = [Category.objects.create(name=f"{one.name} notes", slug=f"{one.slug}-notes", parent=one) for one in top]
pictures = []
for number in range(8):
    data = io.BytesIO()
    Picture.new("RGB", (900, 600), (30 * number, 100, 180)).save(data, "JPEG")
    pictures.append(Image.objects.create(title=f"Picture {number}", file=ImageFile(data, f"picture-{number}.jpg"), width=900, height=600))
entries = []
for number in range(60):
    entry = EntryPage(
        title=f"Entry {number}", slug=f"entry-{number}", body="<p>" + "</p><p>".join(["Some text that says what it is about. " * 5] * 4) + "</p>",
        excerpt="<p>In short.</p>", date=timezone.now() - datetime.timedelta(days=9 * number), owner=people[number % 4], header_image=pictures[number % 8])
    blog.add_child(instance=entry)
    entry.tags.add(*drawn.sample(["sea", "wood", "bread", "guitar", "python", "winter", "friends", "books"], 3))
    entry.save_revision().publish()
    for category in drawn.sample(top + under, 2):
        CategoryEntryPage.objects.create(category=category, page=entry)
    entries.append(entry)
for entry in entries:
    for other in drawn.sample(entries, 2):
        EntryPageRelated.objects.create(entrypage_from=entry, entrypage_to=other)
whole.__exit__(None, None, None)
