"""Visitors of the shop, some logged in; between them an administrator changes flags and switches in the administration."""

import random
import re
import sys
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar

drawn = random.Random(5)


def visitor(name=None):
    jar = CookieJar()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(jar))

    def ask(path, **fields):
        if fields:
            fields["csrfmiddlewaretoken"] = next((cookie.value for cookie in jar if cookie.name == "csrftoken"), "")
        data = urllib.parse.urlencode(fields).encode() if fields else None
        try:
            with opener.open(sys.argv[1] + path, data, timeout=30) as answer:
                return answer.read().decode()
        except OSError as error:
            print(name, path, error)
            return ""

    if name:
        ask("/login")
        ask("/login", username=name, password="secret")
    return ask


def change(admin, path):
    """Sends the form of a page again, with one of its choices turned."""
    page = admin(path)
    fields = {name: value for name, value in re.findall(r'<input[^>]* name="(\w+)"[^>]*? value="([^"]*)"', page) if not name.startswith("_")}
    fields |= {name: words for name, words in re.findall(r'<textarea[^>]* name="(\w+)"[^>]*>\s*([^<]*)', page)}
    fields |= {name: "on" for name in re.findall(r'<input type="checkbox" name="(\w+)"[^>]* checked', page)}
    fields["active" if "active" in page and "switch" in path else "authenticated"] = "on"
    if path.startswith("/admin/waffle/flag"):
        fields |= {"everyone": "unknown"}
    admin(path, **{**fields, "_save": "Save"})


admin = visitor("admin")
for number in range(24):
    ask = visitor(f"person{number % 16}" if number % 3 else None)
    home = ask("/")
    pages = re.findall(r'href="(/products/\d+)"', home)
    for path in drawn.sample(pages, min(6, len(pages))):
        ask(path)
    ask("/search?q=1")
    ask("/statistics")
    ask("/wishes")
    ask("/features/wafflejs")
    ask("/features/waffle_status")
    if pages and number % 3 and number % 4 == 0:
        ask(pages[0], words=f"As {number} says")
    ask("/")
    if number % 8 == 3:
        admin("/admin/waffle/flag/")
        change(admin, f"/admin/waffle/flag/{number % 6 + 1}/change/")
        admin("/admin/waffle/switch/")
        change(admin, f"/admin/waffle/switch/{number % 3 + 1}/change/")
