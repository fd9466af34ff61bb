from django.contrib import admin
from django.http import JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import include, path
from silk.profiling.profiler import silk_profile

from .models import Post


def posts(request):
    found = Post.objects.select_related("author").order_by("-pk")[:20]
    return JsonResponse({"posts": [{"id": post.pk, "title": post.title, "author": post.author.username} for post in found]})


@silk_profile(name="One post")
def post(request, number):
    found = get_object_or_404(Post.objects.select_related("author"), pk=number)
    return JsonResponse({"title": found.title, "text": found.text, "comments": [comment.text for comment in found.comments.all()]})


def search(request):
    return JsonResponse({"posts": list(Post.objects.filter(text__icontains=request.GET.get("q", "")).values("id", "title")[:20])})


urlpatterns = [path("admin/", admin.site.urls), path("silk/", include("silk.urls", namespace="silk")), path("posts/", posts), path("posts/<int:number>/", post), path("search/", search)]
