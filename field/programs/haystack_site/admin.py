from django.contrib import admin
from haystack.admin import SearchModelAdmin

from .models import Note


@admin.register(Note)
class NoteAdmin(SearchModelAdmin):
    list_display, search_fields = ["title", "user", "pub_date"], ["title"]
