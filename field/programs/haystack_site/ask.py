"""Readers search and read notes; an editor searches and changes them in the administration; the index is built again: ask.py URL"""

import os
import subprocess
import sys

sys.path.insert(0, os.environ["PROGRAMS"])
from browser import Browser

reader, editor = Browser(sys.argv[1]), Browser(sys.argv[1])
editor.submit("/admin/login/", "password", username="ann", password="secret")
words = "garden bread winter guitar python harbour letter mountain river kitchen engine paper".split()
for number, word in enumerate(words):
    reader.get(f"/search/?q={word}")
    reader.get(f"/search/?q={word}&page=2")
    reader.get(f"/quick/?q={word}")
    for one in range(number * 4 + 1, number * 4 + 4):
        reader.get(f"/notes/{one}/")
    editor.get("/admin/haystack_site/note/")
    editor.get(f"/admin/haystack_site/note/?q={word}")
    editor.submit(f"/admin/haystack_site/note/{number + 3}/change/", "title", title=f"{word} again")
for _ in range(2):
    subprocess.run(["opentelemetry-instrument", "django-admin", "update_index"], check=False)
