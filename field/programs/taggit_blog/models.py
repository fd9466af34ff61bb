from django.db import models
from taggit.managers import TaggableManager


class Post(models.Model):
    title = models.CharField(max_length=250)
    slug = models.SlugField(unique=True, max_length=100)
    description = models.TextField()
    published = models.DateField(auto_now_add=True)
    tags = TaggableManager()

    def __str__(self):
        return self.title
