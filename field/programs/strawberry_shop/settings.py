"""A book shop over GraphQL, after the guide of strawberry-graphql-django."""

from django_site import *

ROOT_URLCONF = "strawberry_shop.urls"
INSTALLED_APPS += ["strawberry_django", "strawberry_shop"]
