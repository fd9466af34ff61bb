from django.contrib.auth.models import User
from django.db import models
from django.utils.text import slugify
from tastypie.utils.timezone import now


class Entry(models.Model):
    user = models.ForeignKey(User, on_delete=models.CASCADE)
    pub_date = models.DateTimeField(default=now)
    title = models.CharField(max_length=200)
    slug = models.SlugField(null=True, blank=True)
    body = models.TextField()

    def save(self, *args, **kwargs):
        if not self.slug:
            self.slug = slugify(self.title)[:50]
        return super().save(*args, **kwargs)


class Comment(models.Model):
    entry = models.ForeignKey(Entry, related_name="comments", on_delete=models.CASCADE)
    name = models.CharField(max_length=60)
    text = models.TextField()
