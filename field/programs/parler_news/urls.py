from django.conf.urls.i18n import i18n_patterns
from django.contrib import admin
from django.http import JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import path

from .models import Article, Category


def articles(request):
    """Titles of the newest, in the reader's language, with their translations fetched along as the documentation advises."""
    found = Article.objects.select_related("category").prefetch_related("translations", "category__translations").order_by("-pk")[:20]
    return JsonResponse({"articles": [{"id": one.pk, "title": one.title, "category": one.category.name} for one in found]})


def translated(request):
    """Only what has been translated into the reader's language."""
    return JsonResponse({"articles": [{"id": one.pk, "title": one.title} for one in Article.objects.active_translations().order_by("-pk")[:20]]})


def article(request, number):
    found = get_object_or_404(Article, pk=number)
    return JsonResponse({"title": found.title, "text": found.text, "category": found.category.name, "languages": list(found.get_available_languages())})


def categories(request):
    return JsonResponse({"categories": [{"name": one.name, "articles": one.articles.count()} for one in Category.objects.all()]})


urlpatterns = [path("admin/", admin.site.urls)] + i18n_patterns(path("articles/", articles), path("translated/", translated), path("articles/<int:number>/", article), path("categories/", categories))
