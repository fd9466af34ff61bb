from django import forms
from django.contrib import admin
from django.db.models import Count
from django.shortcuts import get_object_or_404, redirect, render
from django.template.defaultfilters import slugify
from django.urls import include, path
from django.views.generic import ListView
from rest_framework import routers, serializers, viewsets
from taggit.models import Tag
from taggit.serializers import TaggitSerializer, TagListSerializerField
from taggit.views import TagListMixin

from .models import Post


class PostForm(forms.ModelForm):
    class Meta:
        model = Post
        fields = ["title", "description", "tags"]


def home(request):
    form = PostForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        post = form.save(commit=False)
        post.slug = slugify(post.title)
        post.save()
        # Without this the tags are not saved.
        form.save_m2m()
        return redirect(f"/post/{post.slug}/")
    page = int(request.GET.get("page", 0))
    posts = Post.objects.order_by("-published", "-id")[page * 15:page * 15 + 15]
    return render(request, "blog.html", {"posts": posts, "common": Post.tags.most_common()[:8], "form": form})


def detail(request, slug):
    post = get_object_or_404(Post, slug=slug)
    return render(request, "post.html", {"post": post, "similar": post.tags.similar_objects()[:5]})


class Tagged(TagListMixin, ListView):
    model, template_name, context_object_name = Post, "blog.html", "posts"


def tags(request):
    return render(request, "tags.html", {"tags": Tag.objects.annotate(uses=Count("taggit_taggeditem_items")).order_by("-uses")})


class PostSerializer(TaggitSerializer, serializers.ModelSerializer):
    tags = TagListSerializerField()

    class Meta:
        model = Post
        fields = "__all__"


class Posts(viewsets.ModelViewSet):
    queryset = Post.objects.order_by("id")
    serializer_class = PostSerializer


router = routers.DefaultRouter()
router.register("posts", Posts)
urlpatterns = [
    path("", home), path("post/<slug:slug>/", detail), path("tag/<slug:slug>/", Tagged.as_view()), path("tags/", tags),
    path("admin/", admin.site.urls), path("api/", include(router.urls)),
]
