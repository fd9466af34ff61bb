from django.contrib import admin
from mptt.admin import DraggableMPTTAdmin, TreeRelatedFieldListFilter

from .models import Category, Product

admin.site.register(Category, DraggableMPTTAdmin, list_display=["tree_actions", "indented_title"], list_display_links=["indented_title"])


@admin.register(Product)
class ProductAdmin(admin.ModelAdmin):
    list_display, list_filter, search_fields = ["name", "category", "price"], [("category", TreeRelatedFieldListFilter)], ["name"]
