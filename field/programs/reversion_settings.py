"""The settings of django-reversion's tests, with its three databases in SQLite."""

from test_project.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DATABASES = {name: {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{name}.db", "TEST": {"NAME": f"test-{name}.db"}} for name in ("default", "postgres", "mysql")}
