"""Fills django-machina's forum: 20 members, categories with forums beneath, 70 topics with answers, some polls, and two sessions."""

import random

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.sessions.backends.db import SessionStore
from machina.core.db.models import get_model

Forum, Topic, Post = get_model("forum", "Forum"), get_model("forum_conversation", "Topic"), get_model("forum_conversation", "Post")
Poll, Option = get_model("forum_polls", "TopicPoll"), get_model("forum_polls", "TopicPollOption")
Vote = get_model("forum_polls", "TopicPollVote")
User = get_user_model()
drawn = random.Random(9)
text = "Some **text** that says what the post is about.\n\n* one\n* two\n\n" * 3
people = [User.objects.create_user(f"member{number}", f"member{number}@example.com", "secret") for number in range(20)]
chief = User.objects.create_superuser("chief", "chief@example.com", "secret")
forums = []
for title in ("General", "Help", "Projects"):
    category = Forum.objects.create(name=title, type=Forum.FORUM_CAT)
    for number in range(3):
        forum = Forum.objects.create(name=f"{title} {number}", type=Forum.FORUM_POST, parent=category, description="What it is about")
        forums.append(forum)
    forums.append(Forum.objects.create(name=f"{title} beneath", type=Forum.FORUM_POST, parent=forum))
for number in range(70):
    poster = drawn.choice(people)
    topic = Topic.objects.create(forum=drawn.choice(forums), poster=poster, subject=f"Topic {number}", type=Topic.TOPIC_POST, status=0)
    Post.objects.create(topic=topic, poster=poster, subject=topic.subject, content=text)
    for answer in range(drawn.randrange(12)):
        Post.objects.create(topic=topic, poster=drawn.choice(people), subject=f"Re: {topic.subject}", content=text)
    if number % 7 == 0:
        poll = Poll.objects.create(topic=topic, question="Which one?", max_options=1)
        options = [Option.objects.create(poll=poll, text=choice) for choice in ("This", "That", "Neither")]
        for person in drawn.sample(people, 6):
            Vote.objects.create(poll_option=drawn.choice(options), voter=person)
for name, user in (("member", people[0]), ("chief", chief)):
    session = SessionStore()
    session["_auth_user_id"], session["_auth_user_backend"] = str(user.pk), settings.AUTHENTICATION_BACKENDS[0]
    session["_auth_user_hash"] = user.get_session_auth_hash()
    session.save()
    open(f"cookie-{name}", "w").write(f"{settings.SESSION_COOKIE_NAME}={session.session_key}")
