# For `manage.py shell` of a Spirit forum: three categories, twelve topics, fifteen comments each.
from django.contrib.auth import get_user_model
from spirit.category.models import Category
from spirit.comment.models import Comment
from spirit.topic.models import Topic

User = get_user_model()
users = [User.objects.create_user(f"user{number}", f"user{number}@example.com", "secret") for number in range(6)]
for number in range(12):
    category, _ = Category.objects.get_or_create(title=f"Category {number % 3}")
    topic = Topic.objects.create(category=category, user=users[number % 6], title=f"Topic {number}")
    for comment in range(15):
        text = f"Comment {comment} on topic {number}"
        Comment.objects.create(user=users[(number + comment) % 6], topic=topic, comment=text, comment_html=f"<p>{text}</p>")
