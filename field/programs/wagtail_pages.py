from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.sessions.backends.db import SessionStore
from home.models import HomePage

User = get_user_model()
user = User.objects.filter(username="ann").first() or User.objects.create_superuser("ann", "ann@example.com", "secret")
home = HomePage.objects.first()
if not home.get_children().exists():
    for number in range(30):
        page = home.add_child(instance=HomePage(title=f"Page {number}", slug=f"page-{number}"))
        page.save_revision(user=user).publish()

session = SessionStore()
session["_auth_user_id"], session["_auth_user_backend"] = str(user.pk), settings.AUTHENTICATION_BACKENDS[0]
session["_auth_user_hash"] = user.get_session_auth_hash()
session.save()
open("cookie", "w").write(f"{settings.SESSION_COOKIE_NAME}={session.session_key}")
