"""The tutorial's blog: posts that can be commented on."""

from django.db import models
from django.urls import reverse


class Post(models.Model):
    title = models.CharField(max_length=200)
    slug = models.SlugField(max_length=200, unique=True)
    body = models.TextField()
    allow_comments = models.BooleanField(default=True)
    publish = models.DateTimeField()

    class Meta:
        ordering = ("-publish",)

    def get_absolute_url(self):
        return reverse("post-detail", args=[self.slug])
