"""Fills a new Mezzanine site: a tree of pages, blog posts with categories, keywords, comments and ratings, and a session."""

import datetime
import random

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.backends.db import SessionStore
from django.utils.timezone import now
from mezzanine.blog.models import BlogCategory, BlogPost
from mezzanine.generic.models import AssignedKeyword, Keyword, Rating, ThreadedComment
from mezzanine.pages.models import RichTextPage

drawn = random.Random(3)
text = "<p>" + "</p><p>".join("Some text that says what the page is about. " * 4 for _ in range(5)) + "</p>"
people = [get_user_model().objects.get(username="admin")]
people += [get_user_model().objects.create_user(name, f"{name}@example.com", "secret", is_staff=True) for name in ("ann", "ben", "cleo")]
keywords = [Keyword.objects.create(title=title) for title in ("news", "travel", "food", "music", "garden", "books", "code", "sports")]
categories = [BlogCategory.objects.create(title=title) for title in ("Diary", "Reviews", "Guides", "Projects", "Links")]
for number in range(8):
    page = RichTextPage.objects.create(title=f"Topic {number}", content=text)
    for child in range(4):
        RichTextPage.objects.create(title=f"Topic {number} part {child}", content=text, parent=page)
kind = ContentType.objects.get_for_model(BlogPost)
for number in range(60):
    post = BlogPost.objects.create(title=f"Post {number}", content=text, user=drawn.choice(people), status=2,
                                   publish_date=now() - datetime.timedelta(days=7 * number))
    post.categories.set(drawn.sample(categories, 2))
    for keyword in drawn.sample(keywords, 3):
        post.keywords.add(AssignedKeyword(keyword=keyword), bulk=False)
    first = None
    for comment in range(drawn.randrange(7)):
        person = drawn.choice(people)
        made = ThreadedComment.objects.create(
            content_type=kind, object_pk=str(post.pk), site_id=1, user=person, user_name=person.username,
            user_email=person.email, comment=f"A remark number {comment}", replied_to=first if comment % 2 else None)
        first = first or made
    for person in drawn.sample(people, 2):
        post.rating.add(Rating(value=drawn.randint(1, 5), user=person), bulk=False)
for post in BlogPost.objects.all()[:20]:
    post.related_posts.set(BlogPost.objects.order_by("?")[:3])

session, user = SessionStore(), people[0]
session["_auth_user_id"], session["_auth_user_backend"] = str(user.pk), settings.AUTHENTICATION_BACKENDS[0]
session["_auth_user_hash"] = user.get_session_auth_hash()
session.save()
open("cookie", "w").write(f"{settings.SESSION_COOKIE_NAME}={session.session_key}")
