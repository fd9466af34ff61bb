"""For `django-admin shell`: 90 projects of three kinds with two to five tasks of two kinds."""

import datetime
import random

from django.contrib.auth.models import User
from poly_projects.models import ArtProject, Deadline, FieldProject, ResearchProject, Visit

drawn = random.Random(1)
people = [User.objects.create_user(f"person{number}", password="secret") for number in range(10)]
for number in range(90):
    owner = drawn.choice(people)
    made = [
        lambda: ArtProject.objects.create(topic=f"Art {number}", artist=f"Artist {number}", owner=owner),
        lambda: ResearchProject.objects.create(topic=f"Study {number}", supervisor="Dr. Who", owner=owner),
        lambda: FieldProject.objects.create(topic=f"Trip {number}", supervisor="Dr. Who", place=f"Place {number}", owner=owner),
    ][number % 3]()
    for part in range(drawn.randint(2, 5)):
        if part % 2:
            Visit.objects.create(project=made, title=f"Visit {part}", who=drawn.choice(people))
        else:
            Deadline.objects.create(project=made, title=f"Deadline {part}", until=datetime.date(2026, 12, 1 + part))
