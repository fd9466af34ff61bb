"""Readers look at newsletters and their archives and subscribe; an editor writes messages and looks through the administration: newsletter_day.py URL"""

import os
import subprocess
import sys

sys.path.insert(0, os.environ["PROGRAMS"])
from browser import Browser

editor = Browser(sys.argv[1])
editor.submit("/admin/login/", "password", username="ann", password="secret")
for number in range(8):
    reader = Browser(sys.argv[1])
    reader.get("/newsletter/")
    for slug in ("garden", "kitchen", "workshop"):
        reader.get(f"/newsletter/{slug}/")
        reader.get(f"/newsletter/{slug}/archive/")
    reader.submit("/newsletter/garden/subscribe/", "email_field", name_field=f"New {number}", email_field=f"new{number}@example.com")
    editor.get("/newsletter/")
    editor.submit("/admin/newsletter/message/add/", "title", title=f"Written {number}", slug=f"written-{number}", newsletter="1", **{"articles-0-title": "First", "articles-0-text": "Words", "articles-0-sortorder": "10"})
    editor.get(f"/admin/newsletter/message/{number + 2}/preview/text/")
    editor.get(f"/admin/newsletter/message/{number + 2}/preview/html/")
    editor.get(f"/admin/newsletter/message/{number + 2}/subscribers/json/")
pages = [f"/admin/newsletter/{name}/" for name in ("newsletter", "message", "submission", "subscription")] + ["/admin/newsletter/submission/add/", "/admin/newsletter/subscription/?q=reader"]
subprocess.run([sys.executable, os.environ["PROGRAMS"] + "/look_around.py", sys.argv[1], "--login", "/admin/login/", "--rounds", "5", *pages], check=False)
# What is to be sent is sent by the package's command, with a mail backend that sends nothing.
subprocess.run(["opentelemetry-instrument", "django-admin", "submit_newsletter"], check=False)
