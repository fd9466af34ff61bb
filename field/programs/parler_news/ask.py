"""Readers of three languages look at lists and articles; an editor looks through the administration and translates: ask.py URL"""

import os
import subprocess
import sys

sys.path.insert(0, os.environ["PROGRAMS"])
from browser import Browser

reader, editor = Browser(sys.argv[1]), Browser(sys.argv[1])
editor.submit("/admin/login/", "password", username="ann", password="secret")
for number in range(9):
    code = ("en", "de", "fr")[number % 3]
    for page in ("articles", "translated", "categories"):
        reader.get(f"/{code}/{page}/")
    for one in range(number * 5 + 1, number * 5 + 5):
        reader.get(f"/{code}/articles/{one}/")
    editor.submit(f"/admin/parler_news/article/{number + 1}/change/?language={code}", "title", title=f"Changed {number}", slug=f"changed-{number}", text="Other words.")
pages = ["/admin/parler_news/article/", "/admin/parler_news/category/"]
subprocess.run([sys.executable, os.environ["PROGRAMS"] + "/look_around.py", sys.argv[1], "--login", "/admin/login/", "--rounds", "5", *pages], check=False)
