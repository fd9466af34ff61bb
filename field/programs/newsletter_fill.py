"""For `django-admin shell`: three newsletters with 60 subscribers each, half of them members, and 10 messages of three articles, half of them sent."""

from django.contrib.auth.models import User
from django.contrib.sites.models import Site
from newsletter.models import Article, Message, Newsletter, Submission, Subscription

people = [User.objects.create_user(f"person{number}", f"person{number}@example.com", "secret") for number in range(30)]
for title in ("Garden", "Kitchen", "Workshop"):
    newsletter = Newsletter.objects.create(title=title, slug=title.lower(), email="letters@example.com", sender="Letters")
    newsletter.site.set(Site.objects.all())
    for number in range(60):
        who = {"user": people[number // 2]} if number % 2 else {"name_field": f"Reader {number}", "email_field": f"reader{number}@example.com"}
        Subscription.objects.create(newsletter=newsletter, subscribed=True, **who)
    for number in range(10):
        message = Message.objects.create(title=f"{title} {number}", slug=f"{title.lower()}-{number}", newsletter=newsletter)
        for part in range(3):
            Article.objects.create(title=f"Part {part}", text="What happened this week. " * 20, post=message, sortorder=(part + 1) * 10)
        if number % 2:
            submission = Submission.from_message(message)
            submission.sent, submission.prepared, submission.publish = True, True, True
            submission.save()
