"""A shop queues welcomes and digests, its cron job sends them, a keeper looks through the administration: post_office_ask.py URL"""

import os
import subprocess
import sys

sys.path.insert(0, os.environ["PROGRAMS"])
from browser import Browser

shop = Browser(sys.argv[1])
for number in range(6):
    for one in range(6):
        shop.ask(f"/welcome/person{number * 6 + one}/?language={('en', 'de', 'fr')[one % 3]}", b"")
    shop.ask("/digest/", b"")
    subprocess.run(["opentelemetry-instrument", "django-admin", "send_queued_mail"], check=False)
subprocess.run(["opentelemetry-instrument", "django-admin", "cleanup_mail", "-d", "30"], check=False)
pages = [f"/admin/post_office/{name}/" for name in ("email", "emailtemplate", "log", "attachment")]
subprocess.run([sys.executable, os.environ["PROGRAMS"] + "/look_around.py", sys.argv[1], "--login", "/admin/login/", "--rounds", "5", *pages], check=False)
