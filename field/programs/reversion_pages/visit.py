"""An editor changes articles in the administration, looks at their history, goes back to a version, deletes and recovers; a program reads and writes too."""

import json
import os
import re
import sys

sys.path.insert(0, os.environ["PROGRAMS"])
from browser import Browser

place = "/admin/reversion_pages/article/"
editor = Browser(sys.argv[1])
editor.submit("/admin/login/", "password", username="ann", password="secret")
program = Browser(sys.argv[1])
for number in range(1, 13):
    editor.get(f"{place}?q=Article+{number}")
    editor.submit(f"{place}{number * 5}/change/", "title", title=f"Article {number}, revised", **{"sections-0-text": f"Other words {number}"})
    history = editor.get(f"{place}{number * 5}/history/")
    seen = re.findall(rf'href="({place}{number * 5}/history/\d+/)"', history)
    for version in seen[:2]:
        editor.get(version)
    if number % 3 == 0 and seen:
        editor.submit(seen[-1], "title")
    editor.submit(f"{place}add/", "title", title=f"New {number}", text="New words", author=number, **{"sections-0-heading": "First", "sections-0-text": "More"})
    for article in range(number * 4, number * 4 + 3):
        program.get(f"/articles/{article}/")
        program.ask(f"/articles/{article}/", json.dumps({"text": f"From elsewhere {number}"}).encode(), method="PATCH")
        program.get(f"/articles/{article}/versions/")
for number in (7, 11, 13):
    editor.submit(f"{place}{number}/delete/", "post", post="yes")
    recover = re.findall(rf'href="({place}recover/\d+/)"', editor.get(f"{place}recover/"))
    editor.submit(recover[0], "title")
