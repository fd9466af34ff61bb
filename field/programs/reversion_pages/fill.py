"""For `django-admin shell`: 80 articles of 12 authors with two to four sections, each changed up to five times."""

import random

import reversion
from django.contrib.auth.models import User
from reversion_pages.models import Article, Author, Section

drawn = random.Random(5)
writer = User.objects.create_user("writer")
authors = [Author.objects.create(name=f"Author {number}") for number in range(12)]
for number in range(80):
    with reversion.create_revision():
        article = Article.objects.create(title=f"Article {number}", text="Some words. " * 30, author=drawn.choice(authors))
        for part in range(drawn.randint(2, 4)):
            Section.objects.create(article=article, heading=f"Part {part}", text="What it says. " * 20)
        reversion.set_user(writer)
    for change in range(drawn.randint(0, 5)):
        with reversion.create_revision():
            article.text += f" Changed {change}."
            article.save()
            reversion.set_user(writer)
            reversion.set_comment(f"Change {change}")
