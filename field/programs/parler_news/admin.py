from django.contrib import admin
from parler.admin import TranslatableAdmin

from .models import Article, Category

admin.site.register(Category, TranslatableAdmin, list_display=["name"])


@admin.register(Article)
class ArticleAdmin(TranslatableAdmin):
    list_display, list_filter = ["title", "category", "language_column"], ["category"]
