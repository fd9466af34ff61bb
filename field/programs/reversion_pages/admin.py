from django.contrib import admin
from reversion.admin import VersionAdmin

from .models import Article, Author, Section


class SectionInline(admin.TabularInline):
    model, extra = Section, 1


@admin.register(Article)
class ArticleAdmin(VersionAdmin):
    list_display, list_filter, search_fields, inlines = ["title", "author"], ["author"], ["title"], [SectionInline]
    list_select_related = ["author"]


@admin.register(Author)
class AuthorAdmin(VersionAdmin):
    pass
