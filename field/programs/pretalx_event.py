# For `pretalx shell`: an administrator, the test conference, and a session as a cookie in a file.
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.core.management import call_command
from pretalx.event.models import Event
from pretalx.person.models import User

user = User.objects.filter(is_administrator=True).first()
if not user:
    user = User.objects.create_superuser(email="ann@example.com", password="secret")
if not Event.objects.exists():
    call_command("create_test_event")

session = SessionStore()
session["_auth_user_id"], session["_auth_user_backend"] = str(user.pk), "django.contrib.auth.backends.ModelBackend"
session["_auth_user_hash"] = user.get_session_auth_hash()
session.save()
open("cookie", "w").write(f"{settings.SESSION_COOKIE_NAME}={session.session_key}")

# The event is opened to the public.
for event in Event.objects.all():
    Event.objects.filter(pk=event.pk).update(is_public=True)
