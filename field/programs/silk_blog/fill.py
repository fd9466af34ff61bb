"""For `django-admin shell`: 60 posts with three comments each."""

from django.contrib.auth.models import User
from silk_blog.models import Comment, Post

people = [User.objects.create_user(f"person{number}", password="secret") for number in range(6)]
for number in range(60):
    post = Post.objects.create(title=f"Post {number}", text="Some words about it. " * 20, author=people[number % 6])
    Comment.objects.bulk_create(Comment(post=post, text="What I think.") for _ in range(3))
