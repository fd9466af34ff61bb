from django.contrib import admin
from django.http import JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import path

from .models import Page, Subject, Unit

MODELS = {"page": Page, "unit": Unit, "subject": Subject}


def tree(request, kind):
    """The whole tree, as the package dumps it."""
    return JsonResponse({"tree": MODELS[kind].dump_bulk()})


def node(request, kind, number):
    """One node with the path to it, what is beside and below it."""
    found = get_object_or_404(MODELS[kind], pk=number)
    return JsonResponse({
        "name": str(found), "depth": found.get_depth(), "path": [str(one) for one in found.get_ancestors()],
        "beside": [str(one) for one in found.get_siblings()], "below": [{"name": str(one), "leaf": one.is_leaf()} for one in found.get_children()],
        "all": len(found.get_descendants()),
    })


urlpatterns = [path("admin/", admin.site.urls), path("<slug:kind>/", tree), path("<slug:kind>/<int:number>/", node)]
