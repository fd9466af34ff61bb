from django.contrib import admin
from django.shortcuts import get_object_or_404, render
from django.urls import path

from .models import Category, Product


def tree(request):
    return render(request, "tree.html", {"categories": Category.objects.add_related_count(Category.objects.all(), Product, "category", "number", cumulative=True)})


def category(request, number):
    """A category with its path, what is below it, and the products of all that."""
    found = get_object_or_404(Category, pk=number)
    products = Product.objects.filter(category__in=found.get_descendants(include_self=True)).select_related("category")[:40]
    return render(request, "category.html", {"category": found, "products": products})


urlpatterns = [path("admin/", admin.site.urls), path("", tree), path("category/<int:number>/", category)]
