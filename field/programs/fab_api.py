"""The REST example as another program uses it: logs in, asks for lists with filters and orders, adds, changes and deletes."""

import json
import sys
import urllib.parse

from browser import Browser

program = Browser(sys.argv[1])


def ask(method, path, body=None, query=None, **headers):
    if query:
        path += "?q=" + urllib.parse.quote(query)
    data = None if body is None else json.dumps(body).encode()
    text, _ = program.ask("/api/v1" + path, data, method=method, headers={"Content-Type": "application/json"} | headers)
    return json.loads(text) if text.startswith("{") else {}


token = ask("POST", "/security/login", {"username": "ann", "password": "secret", "provider": "db"})["access_token"]
signed = {"Authorization": f"Bearer {token}"}
for name in ("Friends", "Family", "Work"):
    ask("POST", "/group/", {"name": name, "created_by": 1, "changed_by": 1}, **signed)
for number in range(120):
    name = f"{'abcdefghij'[number % 10]} person {number}"
    ask("POST", "/contact/", {"name": name, "address": f"Street {number}", "birthday": "1980-04-05", "contact_group": number % 3 + 1, "gender": ("Female", "Male")[number % 2]}, **signed)
for number in range(10):
    ask("GET", "/contact/_info", **signed)
    ask("GET", "/contact/", query=f"(page:{number % 3},page_size:50,order_column:name,order_direction:asc)", **signed)
    ask("GET", "/contact/", query=f"(filters:!((col:name,opr:sw,value:{'abcdefghij'[number]})))", **signed)
    found = ask("GET", "/contact/", query="(columns:!(id,name),page_size:5,order_column:name,order_direction:desc)", **signed).get("result", [])
    for contact in found:
        ask("GET", f"/contact/{contact['id']}", **signed)
    ask("PUT", f"/contact/{found[0]['id']}", {"address": f"Street {number}"}, **signed)
    made = ask("POST", "/contact/", {"name": f"From afar {number}", "address": "Street 9", "contact_group": number % 3 + 1, "gender": "Female"}, **signed)
    group = ask("POST", "/group/", {"name": f"Group {number}", "created_by": 1, "changed_by": 1}, **signed)
    ask("GET", "/group/", query="(page_size:25)", **signed)
    ask("GET", "/group/1", **signed)
    if number % 3 == 0 and "id" in made:
        ask("DELETE", f"/contact/{made['id']}", **signed)
    ask("GET", "/modelomparentapi/", query="(page_size:20)", **signed)
    ask("GET", "/security/users/", **signed)
    ask("GET", "/security/roles/", **signed)
    ask("GET", "/menu/", **signed)
ask("GET", "/_openapi")
