"""What a user of the showcase does: the grid by pages, searched and sorted, forms sent, people added and changed, and its REST example kept."""

import json
import random
import re
import sys
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar

drawn = random.Random(11)
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(CookieJar()))


def page(path, **fields):
    data = urllib.parse.urlencode(fields).encode() if fields else None
    try:
        with opener.open(sys.argv[1] + path, data, timeout=30) as answer:
            return answer.read().decode()
    except OSError as error:
        print(path, error)
        return ""


def rest(path, body=None, method=None):
    headers = {"Content-Type": "application/json", "Authentication": "a-token"}
    data = None if body is None else json.dumps(body).encode()
    try:
        with opener.open(urllib.request.Request(sys.argv[1] + path, data, headers, method=method), timeout=30) as answer:
            return json.loads(answer.read())
    except OSError as error:
        print(method, path, error)
        return {}


def send(path, **fields):
    """Sends a form as its page has it, with these fields filled in."""
    hidden = {}
    for tag in re.findall(r"<input[^>]*>", page(path)):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and 'type="hidden"' in tag:
            hidden[name[1]] = value[1] if value else ""
    page(path, **{**hidden, **fields})


for number in range(10):
    page("/showcase/index")
    for at in range(1, 5):
        page(f"/showcase/example_html_grid2?page={at}")
    page("/showcase/example_html_grid2?orderby=thing.color")
    page(f"/showcase/example_html_grid2?search_type=0&search_string=Thing+{number}")
    thing = drawn.randrange(1, 100)
    page(f"/showcase/example_html_grid2?id={thing}")
    page(f"/showcase/example_html_grid2?mode=edit&id={thing}")
    send("/showcase/create_form", name=f"New {number}", job="Baker")
    send(f"/showcase/update_form/{number + 5}", name=f"Changed {number}", job="Teacher")
    for path in ("example_multiple_forms", "session_counter", "vue_star_rater", "star_rater_get_posts", "auth_form", "rest"):
        page(f"/showcase/{path}")
    made = rest("/showcase/rest/notes", {"title": f"Note {number}", "words": "To remember"})
    if made:
        rest(f"/showcase/rest/notes/{made['id']}", {"words": "Changed"}, "PUT")
        rest(f"/showcase/rest/notes/{made['id']}")
        rest("/showcase/rest/notes")
        if number % 3 == 2:
            rest(f"/showcase/rest/notes/{made['id']}", method="DELETE")
    page("/")
