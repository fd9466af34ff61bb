import json

import notifications.urls
from django.contrib import admin
from django.contrib.auth.decorators import login_required
from django.http import JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt

from .models import Reply, Topic


@csrf_exempt
@login_required
def reply(request, number):
    """A new reply, of which the followers of the topic are notified."""
    made = Reply.objects.create(topic=get_object_or_404(Topic, pk=number), author=request.user, text=json.loads(request.body)["text"])
    return JsonResponse({"id": made.pk})


urlpatterns = [
    path("admin/", admin.site.urls), path("topics/<int:number>/replies/", reply),
    path("inbox/notifications/", include(notifications.urls, namespace="notifications")),
]
