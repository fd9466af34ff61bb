import reversion
from django.db import models


@reversion.register()
class Author(models.Model):
    name = models.CharField(max_length=100)

    def __str__(self):
        return self.name


# An article's version goes together with its sections and its author, as the documentation has it with `follow`.
@reversion.register(follow=["sections"])
class Article(models.Model):
    title = models.CharField(max_length=200)
    text = models.TextField(blank=True)
    author = models.ForeignKey(Author, on_delete=models.CASCADE)

    def __str__(self):
        return self.title


@reversion.register(follow=["article"])
class Section(models.Model):
    article = models.ForeignKey(Article, on_delete=models.CASCADE, related_name="sections")
    heading = models.CharField(max_length=100)
    text = models.TextField(blank=True)

    def __str__(self):
        return self.heading
