"""A day on Indico: visitors read categories, events, timetables and exports; an administrator logs in, manages events and makes some."""

import random
import re
import sys
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar

drawn = random.Random(12)
TYPES = ("lecture", "meeting", "conference")


def visitor():
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(CookieJar()))

    def ask(path, **fields):
        data = urllib.parse.urlencode(fields).encode() if fields else None
        request = urllib.request.Request(urllib.parse.urljoin(sys.argv[1], path), data)
        try:
            with opener.open(request, timeout=60) as answer:
                return answer.read().decode("utf-8", "replace")
        except OSError as error:
            print(path, error)
            return ""

    return ask


def read(ask, category):
    ask("/")
    ask(f"/category/{category}/")
    ask(f"/category/{category}/overview?period=month")
    ask(f"/category/{category}/calendar")
    ask(f"/export/categ/{category}.json?limit=20")
    first = (category - 1) * 12 + 1
    for event in drawn.sample(range(first, first + 12), 3):
        ask(f"/event/{event}/")
        if (event - 1) % 12 % 3 == 2:
            for part in ("timetable/", "contributions/", "sessions/", "program", "speakers"):
                ask(f"/event/{event}/{part}")
        ask(f"/event/{event}/event.ics")
        ask(f"/export/event/{event}.json?detail=contributions")


def login(name):
    ask = visitor()
    token = re.search(r'name="csrf_token"[^>]*value="([^"]*)"|csrf-token" content="([^"]*)"', ask("/login/"))
    ask("/login/", csrf_token=(token[1] or token[2]) if token else "", _provider="indico", identifier=name, password="a-Long-secret-77")
    return ask


def manage(ask, event):
    ask("/user/dashboard/")
    for part in ("", "timetable/", "contributions/", "sessions/", "persons/", "protection", "logs/", "registration/", "surveys/", "materials/", "layout/"):
        ask(f"/event/{event}/manage/{part}")
    ask(f"/event/{event}/logs/api/logs?page=1")


for day in range(8):
    read(visitor(), day + 1)
admin = login("person0")
print("logged in" if "First0" in admin("/") else "not logged in")
for day in range(5):
    read(admin, day + 1)
    manage(admin, drawn.choice([n for n in range(1, 97) if (n - 1) % 12 % 3 == 2]))
    admin(f"/category/{day + 1}/manage/content")
    admin("/admin/")
    admin(f"/search/api/search?q=Event+{day}&type=event")
    admin("/search/?q=Event")
