"""For `django-admin shell`: 15 organizations with 80 people, of whom each is in one to three, some as managers."""

import random

from django.contrib.auth.models import Group
from openwisp_users.models import Organization, OrganizationUser, User

drawn = random.Random(2)
ann = User.objects.create_superuser("ann", "ann@example.com", "secret")
organizations = [Organization.objects.create(name=f"Organization {number}", slug=f"organization-{number}") for number in range(15)]
groups = list(Group.objects.all())
for number in range(80):
    person = User.objects.create_user(f"person{number}", f"person{number}@example.com", "secret", is_staff=number % 4 == 0)
    if number % 4 == 0 and groups:
        person.groups.add(groups[0])
    for organization in drawn.sample(organizations, drawn.randint(1, 3)):
        OrganizationUser.objects.create(user=person, organization=organization, is_admin=number % 4 == 0)
