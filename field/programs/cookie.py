# For `manage.py shell`: a session of a superuser, as a cookie in a file.
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.sessions.backends.db import SessionStore

User = get_user_model()
user = User.objects.filter(is_superuser=True).first() or User.objects.create_superuser("ann", "ann@example.com", "secret")
session = SessionStore()
session["_auth_user_id"], session["_auth_user_backend"] = str(user.pk), settings.AUTHENTICATION_BACKENDS[0]
session["_auth_user_hash"] = user.get_session_auth_hash()
session.save()
open("cookie", "w").write(f"{settings.SESSION_COOKIE_NAME}={session.session_key}")
