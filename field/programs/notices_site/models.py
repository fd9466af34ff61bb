from django.contrib.auth.models import User
from django.db import models
from django.db.models.signals import post_save
from notifications.signals import notify


class Topic(models.Model):
    title = models.CharField(max_length=200)
    author = models.ForeignKey(User, on_delete=models.CASCADE)
    followers = models.ManyToManyField(User, related_name="followed")

    def __str__(self):
        return self.title


class Reply(models.Model):
    topic = models.ForeignKey(Topic, on_delete=models.CASCADE)
    author = models.ForeignKey(User, on_delete=models.CASCADE)
    text = models.TextField()

    def __str__(self):
        return self.text[:40]


def tell_followers(sender, instance, created, **kwargs):
    if created:
        notify.send(instance.author, recipient=instance.topic.followers.exclude(pk=instance.author_id), verb="replied to", action_object=instance, target=instance.topic)


post_save.connect(tell_followers, sender=Reply)
