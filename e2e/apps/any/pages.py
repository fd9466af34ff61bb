"""A Django project in one file: synchronous and asynchronous views, asked by Django's test client."""

import asyncio
import traceback

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="x", ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, LOGGING_CONFIG=None,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
)  # fmt: skip
django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import connection  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.test import AsyncClient, Client  # noqa: E402
from django.urls import path  # noqa: E402
from django.views import View  # noqa: E402


def order(request, number):
    with connection.cursor() as cursor:
        cursor.execute("select %s", [number])
        return HttpResponse(str(cursor.fetchone()))


class Page(View):
    def get(self, request):
        return HttpResponse("page")


def broken(request):
    raise ValueError("broken")


async def waits(request):
    await asyncio.sleep(0)
    return HttpResponse("waited")


urlpatterns = [path("orders/<int:number>/", order), path("page", Page.as_view()), path("broken", broken), path("waits", waits)]
application = get_wsgi_application()

if __name__ == "__main__":
    client = Client(raise_request_exception=False)
    for place in ("/orders/3/", "/page", "/broken", "/waits", "/none"):
        print(place, client.get(place).status_code)

    async def ask():
        print((await AsyncClient().get("/orders/4/")).content)

    asyncio.run(ask())
    try:
        Client().get("/broken")
    except ValueError:
        traceback.print_exc()
