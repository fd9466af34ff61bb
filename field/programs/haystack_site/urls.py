from django.contrib import admin
from django.http import JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import include, path
from haystack.query import SearchQuerySet

from .models import Note


def note(request, number):
    """A note with those that are like it."""
    found = get_object_or_404(Note.objects.select_related("user"), pk=number)
    like = SearchQuerySet().filter(content=found.title.split()[0]).exclude(django_id=number)[:5]
    return JsonResponse({"title": found.title, "body": found.body, "user": found.user.username, "like": [one.object.title for one in like]})


def quick(request):
    found = SearchQuerySet().models(Note).filter(content=request.GET["q"]).load_all()[:10]
    return JsonResponse({"notes": [one.object.title for one in found]})


urlpatterns = [path("admin/", admin.site.urls), path("search/", include("haystack.urls")), path("notes/<int:number>/", note), path("quick/", quick)]
