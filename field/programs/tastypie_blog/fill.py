"""For `django-admin shell`: eight people with keys, 120 entries and 300 comments."""

import datetime
import random

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.timezone import now
from tastypie.models import ApiKey
from tastypie_blog.models import Comment, Entry

transaction.set_autocommit(False)
drawn = random.Random(6)
people = [User.objects.create_user(f"person{number}", f"person{number}@example.com", "secret") for number in range(8)]
for person in people:
    ApiKey.objects.create(user=person, key=f"key-of-{person.username}")
entries = [
    Entry.objects.create(user=drawn.choice(people), title=f"Entry {number}", body="What it says. " * 20, pub_date=now() - datetime.timedelta(days=number))
    for number in range(120)
]
for number in range(300):
    Comment.objects.create(entry=drawn.choice(entries), name=f"Reader {number % 30}", text="I agree.")
transaction.commit()
