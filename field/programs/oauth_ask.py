"""Programs get tokens in three ways, use, refresh, inspect and revoke them; people look at their applications and tokens: oauth_ask.py URL"""

import base64
import json
import os
import re
import subprocess
import sys
import urllib.parse

sys.path.insert(0, os.environ["PROGRAMS"])
from browser import Browser

program, person = Browser(sys.argv[1]), Browser(sys.argv[1])
person.submit("/admin/login/", "password", username="ann", password="secret")


def token(client, **fields):
    key = base64.b64encode(f"{client}:a secret".encode()).decode()
    text, _ = program.ask("/o/token/", urllib.parse.urlencode(fields).encode(), headers={"Authorization": f"Basic {key}"})
    return json.loads(text) if text.startswith("{") else {}


for number in range(12):
    given = [token("client", grant_type="client_credentials", scope="read write"), token("password", grant_type="password", username="person1", password="secret")]
    for one in given:
        for _ in range(4):
            program.get("/me/", Authorization=f"Bearer {one.get('access_token')}")
    again = token("password", grant_type="refresh_token", refresh_token=given[1].get("refresh_token"))
    key = base64.b64encode(b"client:a secret").decode()
    program.ask("/o/introspect/", f"token={again.get('access_token')}".encode(), headers={"Authorization": f"Basic {key}"})
    program.ask("/o/revoke_token/", f"token={again.get('access_token')}".encode(), headers={"Authorization": "Basic " + base64.b64encode(b"password:a secret").decode()})
    program.get("/me/", Authorization=f"Bearer {again.get('access_token')}")
pages = ["/o/applications/", "/o/authorized_tokens/", "/admin/oauth2_provider/application/", "/admin/oauth2_provider/accesstoken/", "/admin/oauth2_provider/refreshtoken/"]
subprocess.run([sys.executable, os.environ["PROGRAMS"] + "/look_around.py", sys.argv[1], "--login", "/admin/login/", "--rounds", "5", *pages], check=False)
