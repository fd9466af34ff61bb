"""For `django-admin shell`: 120 notes of eight people, put into the index by its signals."""

import random

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from haystack_site.models import Note

drawn = random.Random(2)
words = "garden bread winter guitar python harbour letter mountain river kitchen engine paper".split()
people = [User.objects.create_user(f"person{number}", password="secret", first_name=f"Person {number}") for number in range(8)]
Note.objects.bulk_create(Note(user=drawn.choice(people), title=f"{drawn.choice(words)} {number}", body=" ".join(drawn.choices(words, k=40))) for number in range(120))
call_command("rebuild_index", interactive=False, verbosity=0)
