"""What RDMO's pages ask while people look at projects and answer questions, and a keeper looks at the catalogue: rdmo_ask.py URL"""

import json
import os
import random
import re
import subprocess
import sys

sys.path.insert(0, os.environ["PROGRAMS"])
from browser import Browser

drawn, person = random.Random(5), Browser(sys.argv[1])
person.submit("/account/login/", "password", username="ann", password="secret")


def ask(path, body=None, method=None):
    token = next((cookie.value for handler in person.opener.handlers if hasattr(handler, "cookiejar") for cookie in handler.cookiejar if cookie.name == "csrftoken"), "")
    headers = {"Content-Type": "application/json", "X-CSRFToken": token}
    text, _ = person.ask(f"/api/v1/{path}", None if body is None else json.dumps(body).encode(), method, headers)
    return json.loads(text) if text[:1] in ("{", "[") else {}


for turn in range(6):
    ask("projects/projects/?page=1")
    ask("projects/projects/user/?page=1")
    ask("projects/catalogs/user/")
    for project in range(turn * 3 + 1, turn * 3 + 4):
        ask(f"projects/projects/{project}/")
        ask(f"projects/projects/{project}/overview/")
        ask(f"projects/projects/{project}/navigation/")
        ask(f"projects/projects/{project}/progress/")
        for page in drawn.sample(range(1, 13), 3):
            ask(f"projects/projects/{project}/pages/{page}/")
            ask(f"projects/projects/{project}/navigation/{page % 4 + 1}/")
        values = ask(f"projects/projects/{project}/values/")
        ask(f"projects/projects/{project}/values/", {"attribute": drawn.randint(2, 49), "text": "Another answer", "set_prefix": "", "set_index": 0, "collection_index": 5 + turn, "value_type": "text"})
        ask(f"projects/projects/{project}/memberships/")
        ask(f"projects/projects/{project}/snapshots/")
        ask(f"projects/projects/{project}/progress/", {}, "POST")
        person.get(f"/projects/{project}/")
        person.get(f"/projects/{project}/answers/")
        person.get(f"/projects/{project}/views/1/")
    for path in ("questions/catalogs/", "questions/catalogs/1/nested/", "questions/sections/", "questions/pages/", "questions/questions/", "questions/catalogs/index/", "domain/attributes/", "domain/attributes/index/", "options/optionsets/", "options/options/", "tasks/tasks/", "views/views/", "projects/values/?page=1", "projects/memberships/", "projects/snapshots/"):
        ask(path)
pages = ["/projects/", "/admin/projects/project/", "/admin/projects/value/", "/admin/projects/membership/", "/admin/questions/question/", "/admin/domain/attribute/", "/admin/questions/page/"]
subprocess.run([sys.executable, os.environ["PROGRAMS"] + "/look_around.py", sys.argv[1], "--login", "/account/login/", "--rounds", "4", *pages], check=False)
