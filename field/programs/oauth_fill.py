"""For `django-admin shell`: 25 applications of a few people, one for each kind of grant that is asked for, with tokens given out before."""

import datetime

from django.contrib.auth.models import User
from django.utils import timezone
from oauth2_provider.models import AccessToken, Application

ann = User.objects.create_superuser("ann", "ann@example.com", "secret")
people = [ann] + [User.objects.create_user(f"person{number}", password="secret") for number in range(9)]
for key, kind in (("code", "authorization-code"), ("client", "client-credentials"), ("password", "password")):
    Application.objects.create(name=key, client_id=key, client_secret="a secret", user=ann, client_type="confidential", authorization_grant_type=kind, redirect_uris="http://127.0.0.1:1/back", skip_authorization=key == "code")
for number in range(22):
    application = Application.objects.create(name=f"Application {number}", user=people[number % 10], client_type="confidential", authorization_grant_type="client-credentials")
    for part in range(6):
        AccessToken.objects.create(user=people[part], application=application, token=f"t-{number}-{part}", expires=timezone.now() + datetime.timedelta(hours=part - 2), scope="read")
