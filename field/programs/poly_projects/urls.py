from django.contrib import admin
from django.http import JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import path

from .models import FieldProject, Project, ResearchProject, Task


def fields(one):
    return {field.name: str(getattr(one, field.attname)) for field in one._meta.concrete_fields}


def projects(request):
    """All projects as what they are, or those of one kind."""
    found = Project.objects.instance_of(ResearchProject) if "research" in request.GET else Project.objects.all()
    return JsonResponse({"projects": [fields(one) for one in found.order_by("pk")[:60]]})


def project(request, number):
    found = get_object_or_404(Project, pk=number)
    return JsonResponse({"project": fields(found), "tasks": [fields(task) for task in found.tasks.all()]})


def places(request):
    return JsonResponse({"places": [one.place for one in Project.objects.filter(FieldProject___place__startswith="Place 1")]})


urlpatterns = [path("admin/", admin.site.urls), path("projects/", projects), path("projects/<int:number>/", project), path("places/", places)]
