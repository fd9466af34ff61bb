"""Mail that is queued, with templates in three languages, as django-post-office's documentation sets it up: settings and addresses in one file."""

from django_site import *
from django.urls import path

ROOT_URLCONF = "post_office_site"
INSTALLED_APPS += ["post_office"]
EMAIL_BACKEND = "post_office.EmailBackend"
# What is queued goes to a backend that sends nothing.
POST_OFFICE = {"BACKENDS": {"default": "django.core.mail.backends.dummy.EmailBackend"}, "BATCH_SIZE": 50, "THREADS_PER_PROCESS": 2, "LOG_LEVEL": 2}
LANGUAGE_CODE, LANGUAGES = "en", [("en", "English"), ("de", "German"), ("fr", "French")]


def __getattr__(name):
    # The addresses are made when they are first asked for, since the applications are not loaded yet when this file is.
    if name != "urlpatterns":
        raise AttributeError(name)
    from django.contrib import admin
    from django.http import JsonResponse
    from django.views.decorators.csrf import csrf_exempt
    from post_office import mail

    @csrf_exempt
    def welcome(request, name):
        """Queues a welcome and, with files, an invoice."""
        mail.send(f"{name}@example.com", "shop@example.com", template="welcome", context={"name": name}, language=request.GET.get("language", "en"))
        return JsonResponse({"queued": True})

    @csrf_exempt
    def digest(request):
        """Queues a digest for everyone at once."""
        mails = [{"recipients": [f"person{number}@example.com"], "sender": "shop@example.com", "subject": "Digest", "message": "What is new.", "priority": "low"} for number in range(25)]
        return JsonResponse({"queued": len(mail.send_many(mails) or [])})

    globals()[name] = [path("admin/", admin.site.urls), path("welcome/<slug:name>/", welcome), path("digest/", digest)]
    return globals()[name]
