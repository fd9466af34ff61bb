import json

import reversion
from django.contrib import admin
from django.http import JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from reversion.models import Version

from .models import Article


def article(request, number):
    """One article; a PATCH changes it, in the revision that the middleware makes."""
    found = get_object_or_404(Article.objects.select_related("author"), pk=number)
    if request.method == "PATCH":
        found.text = json.loads(request.body)["text"]
        found.save()
        reversion.set_comment("changed by a program")
    sections = [{"heading": section.heading, "text": section.text} for section in found.sections.all()]
    return JsonResponse({"title": found.title, "text": found.text, "author": found.author.name, "sections": sections})


def versions(request, number):
    """Who changed an article, when, and what it was then."""
    found = get_object_or_404(Article, pk=number)
    listed = Version.objects.get_for_object(found).select_related("revision__user")[:20]
    return JsonResponse({"versions": [
        {"date": version.revision.date_created, "comment": version.revision.get_comment(),
         "user": str(version.revision.user or ""), "text": version.field_dict["text"]} for version in listed
    ]})


urlpatterns = [path("admin/", admin.site.urls), path("articles/<int:number>/", csrf_exempt(article)), path("articles/<int:number>/versions/", versions)]
