from actstream import action
from actstream.actions import follow
from actstream.models import any_stream, following, followers, model_stream, target_stream, user_stream
from django.contrib import admin
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import include, path
from django.views.decorators.http import require_POST

from .models import Article


@login_required
def home(request):
    stream = user_stream(request.user, with_user_activity=True)[:20]
    return render(request, "streams.html", {"title": "What happened", "stream": stream, "following": following(request.user, User)})


def person(request, name):
    user = get_object_or_404(User, username=name)
    return render(request, "streams.html", {"title": name, "stream": any_stream(user)[:20], "following": followers(user), "person": user})


def article(request, number):
    found = get_object_or_404(Article, pk=number)
    return render(request, "streams.html", {"title": found.title, "stream": target_stream(found)[:20], "article": found})


def everything(request):
    return render(request, "streams.html", {"title": "Everybody", "stream": model_stream(User)[:30]})


@require_POST
@login_required
def write(request):
    made = Article.objects.create(title=request.POST["title"], body=request.POST["body"], author=request.user)
    action.send(request.user, verb="wrote", target=made)
    follow(request.user, made, actor_only=False)
    return redirect(made)


@require_POST
@login_required
def comment(request, number):
    found = get_object_or_404(Article, pk=number)
    action.send(request.user, verb="commented on", target=found, description=request.POST["text"])
    return redirect(found)


urlpatterns = [
    path("", home), path("login/", LoginView.as_view(template_name="login.html")), path("all/", everything), path("people/<str:name>/", person), path("articles/<int:number>/", article),
    path("write/", write), path("articles/<int:number>/comment/", comment),
    path("activity/", include("actstream.urls")), path("admin/", admin.site.urls),
]
