from django.db import models
from parler.models import TranslatableModel, TranslatedFields


class Category(TranslatableModel):
    translations = TranslatedFields(name=models.CharField(max_length=80))

    def __str__(self):
        return self.safe_translation_getter("name", any_language=True) or ""


class Article(TranslatableModel):
    category = models.ForeignKey(Category, on_delete=models.CASCADE, related_name="articles")
    published = models.DateField(auto_now_add=True)
    translations = TranslatedFields(title=models.CharField(max_length=200), slug=models.SlugField(), text=models.TextField())

    def __str__(self):
        return self.safe_translation_getter("title", any_language=True) or ""
