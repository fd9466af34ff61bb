"""The tutorial's addresses: the list of posts, a post with its comments, what comments need, and the administration."""

from django.contrib import admin
from django.contrib.auth.views import LoginView
from django.urls import include, path
from django.views.generic import DetailView, ListView

from .models import Post

urlpatterns = [
    path("", ListView.as_view(model=Post, template_name="blog/post_list.html", paginate_by=10), name="post-list"),
    path("post/<slug:slug>/", DetailView.as_view(model=Post, template_name="blog/post_detail.html"), name="post-detail"),
    path("comments/", include("django_comments_xtd.urls")),
    path("login/", LoginView.as_view(template_name="blog/login.html"), name="login"),
    path("admin/", admin.site.urls),
]
