"""An editor imports books, authors and children from files in the administration, looks at what they are, and exports them again.

    import_export_day.py URL
"""

import random
import re
import sys
import uuid

from browser import Browser, Forms

base = sys.argv[1]
editor = Browser(base)
editor.submit("/admin/login/", "password", username="ann", password="secret")
chance = random.Random(4)


def values(text, has):
    """The fields of the page's form that has this one."""
    parser = Forms()
    parser.feed(text)
    return next((dict(form["fields"]) for form in parser.forms if has in dict(form["fields"])), None)


def upload(path, rows, **fields):
    """Sends a file to the import page of `path`, looks at what would change, and confirms it."""
    text, url = editor.ask(f"/admin/core/{path}/import/")
    sent = values(text, "csrfmiddlewaretoken") | {"format": "0"} | fields
    edge = uuid.uuid4().hex
    body = "".join(f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in sent.items())
    body += f'--{edge}\r\nContent-Disposition: form-data; name="import_file"; filename="{path}.csv"\r\nContent-Type: text/csv\r\n\r\n'
    body += "\n".join(rows) + f"\r\n--{edge}--\r\n"
    text, url = editor.ask(url, body.encode(), headers={"Content-Type": f"multipart/form-data; boundary={edge}", "Referer": url})
    text = editor.send(text, f"{base}/admin/core/{path}/process_import/", "import_file_name")[0]
    print(path, re.findall(r"Import finished[^<]*", text))


def export(path, query="", **fields):
    text, url = editor.ask(f"/admin/core/{path}/export/{query}")
    editor.send(text, url, "format", **fields)


def books(first, amount):
    yield "id,name,author,author_email,imported,published,published_time,price,added,categories"
    for n in range(first, first + amount):
        yield f'{n},Book {n},{n % 40 + 1},author{n % 40}@example.com,0,2020-01-{n % 28 + 1:02},,{n % 30 + 5},,"{n % 12 + 1},{(n + 3) % 12 + 1}"'


upload("author", ["id,name,birthday"] + [f"{n},Author {n},19{n % 90 + 10}-02-03 00:00:00" for n in range(1, 61)])
upload("book", list(books(1, 150)), resource="0")
for week in range(4):
    # What came new, and what has another price.
    upload("book", list(books(121 + week * 30, 60)), resource="0")
    upload("uuidbook", ["name,author"] + [f"Paper {week}.{n}," for n in range(40)])
    for page in ("book", "book/?p=1", "book/?categories__id__exact=2", f"book/?author__id__exact={week + 1}", "author", "category", "book/?q=Book"):
        editor.get(f"/admin/core/{page}" + ("" if "?" in page else "/"))
    for book in chance.sample(range(1, 150), 3):
        editor.submit(f"/admin/core/book/{book}/change/", "author_email", price=str(book % 20))
    export("book", format=str(week % 3), resource="0")
    export("book", "?categories__id__exact=3", format="0", resource="1")
    export("uuidbook", format="0")
    text, url = editor.ask("/admin/core/book/")
    editor.send(text, url, "action", action="export_admin_action", _selected_action=[str(n) for n in range(20 + week, 50 + week)])
