from django.contrib import admin

from .models import Ticket


@admin.register(Ticket)
class TicketAdmin(admin.ModelAdmin):
    list_display, list_filter, search_fields, readonly_fields = ["no", "subject", "status"], ["status"], ["subject"], ["status"]
    list_select_related = ["status"]
