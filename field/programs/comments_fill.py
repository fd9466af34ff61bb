"""Fills the blog: 15 readers, 40 posts, some 350 comments in threads, and likes of them; and two sessions' cookies."""

import datetime
import random

from comments_blog.models import Post
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.contrib.sites.models import Site
from django.utils.timezone import now
from django_comments.models import CommentFlag
from django_comments_xtd.models import DISLIKEDIT_FLAG, LIKEDIT_FLAG, XtdComment

Site.objects.update(domain="127.0.0.1:22130")
drawn = random.Random(11)
User = get_user_model()
User.objects.create_superuser("chief", "chief@example.com", "secret")
readers = [User.objects.create_user(f"reader{number}", f"reader{number}@example.com", "secret") for number in range(15)]
kind = ContentType.objects.get_for_model(Post)
for number in range(40):
    when = now() - datetime.timedelta(days=40 - number)
    post = Post.objects.create(title=f"Post {number}", slug=f"post-{number}", body="What the post is about. " * 40, publish=when)
    made = []
    for comment in range(drawn.randrange(18)):
        reader = drawn.choice(readers)
        parent = drawn.choice([one for one in made if one.level < 2] or [None]) if comment % 2 else None
        made.append(XtdComment.objects.create(
            content_type=kind, object_pk=post.pk, site_id=1, user=reader, user_name=reader.username, user_email=reader.email,
            comment="I see it another way. " * drawn.randrange(1, 6), submit_date=when + datetime.timedelta(hours=comment), parent_id=parent.pk if parent else 0))
        for person in drawn.sample(readers, drawn.randrange(4)):
            CommentFlag.objects.create(comment=made[-1], user=person, flag=drawn.choice((LIKEDIT_FLAG, LIKEDIT_FLAG, DISLIKEDIT_FLAG)))
print(Post.objects.count(), "posts", XtdComment.objects.count(), "comments")
