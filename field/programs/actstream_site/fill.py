"""For `django-admin shell`: 25 people, 60 articles, groups, who follows whom, and 500 things that were done."""

import random

from actstream import action
from actstream.actions import follow
from actstream_site.models import Article
from django.contrib.auth.models import Group, User
from django.contrib.sites.models import Site
from django.db import transaction

transaction.set_autocommit(False)
drawn = random.Random(9)
Site.objects.update_or_create(pk=1, defaults={"domain": "127.0.0.1:23070", "name": "Streams"})
people = [User.objects.create_superuser("ann", "ann@example.com", "secret")]
people += [User.objects.create_user(f"person{number}", f"person{number}@example.com", "secret") for number in range(24)]
groups = [Group.objects.create(name=name) for name in ("Gardeners", "Cooks", "Readers", "Walkers")]
for person in people:
    for other in drawn.sample(people, 6):
        if other != person:
            follow(person, other)
    follow(person, drawn.choice(groups), actor_only=False)
articles = []
for number in range(60):
    person = drawn.choice(people)
    articles.append(Article.objects.create(title=f"Article {number}", body="What it says. " * 20, author=person))
    action.send(person, verb="wrote", target=articles[-1])
for number in range(380):
    person = drawn.choice(people)
    action.send(person, verb=drawn.choice(("commented on", "liked", "shared")), target=drawn.choice(articles), number=number)
for number in range(60):
    action.send(drawn.choice(people), verb="joined", target=drawn.choice(groups))
transaction.commit()
