"""For `django-admin shell`: 20 members, 25 topics that 6 to 12 of them follow, and 150 replies with their notifications."""

import random

from django.contrib.auth.models import User
from notices_site.models import Reply, Topic

drawn = random.Random(3)
members = [User.objects.create_user(f"member{number}", password="secret") for number in range(20)]
topics = []
for number in range(25):
    topic = Topic.objects.create(title=f"Topic {number}", author=drawn.choice(members))
    topic.followers.add(*drawn.sample(members, drawn.randint(6, 12)))
    topics.append(topic)
for number in range(150):
    Reply.objects.create(topic=drawn.choice(topics), author=drawn.choice(members), text=f"What I think of it, part {number}")
