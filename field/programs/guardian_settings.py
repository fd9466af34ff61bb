"""The settings of django-guardian's tests, with the quick hasher that Django's documentation names for tests."""

from guardian.testapp.testsettings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
