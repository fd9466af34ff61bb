"""For `django-admin shell`: 60 people, some of whom have no valid address yet."""

from django.contrib.auth.models import User

for number in range(60):
    User.objects.create_user(f"person{number}", f"person{number}@example.com", "a good secret 1")
