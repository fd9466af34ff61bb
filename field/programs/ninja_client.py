"""An office's program asks the API: lists, pages and filters, people who come, move and leave, and tasks that get done.

ninja_client.py ADDRESS
"""

import json
import sys

from browser import Browser

office = Browser(sys.argv[1])
todo = Browser(sys.argv[1], headers=[("Authorization", "Bearer supersecret")])


def send(browser, method, path, body=None):
    text, _ = browser.ask(path, None if body is None else json.dumps(body).encode(), method, {"Content-Type": "application/json"})
    return json.loads(text or "null")


office.get("/api/docs")
office.get("/api/openapi.json")
for turn in range(12):
    office.get(f"/api/departments?page={turn % 2 + 1}")
    office.get(f"/api/employees?department_id={turn + 1}")
    office.get(f"/api/employees?last_name=Last+{turn}")
    for page in range(3):
        for person in json.loads(office.get(f"/api/staff?limit=20&offset={(turn * 3 + page) * 20 % 140}"))["items"][:2]:
            office.get(f"/api/employees/{person['id']}")
    new = {"first_name": f"New {turn}", "last_name": "Comer", "department_id": turn + 1, "birthdate": "1990-05-01"}
    made = send(office, "POST", "/api/employees", new)
    send(office, "PUT", f"/api/employees/{made['id']}", new | {"department_id": 12 - turn})
    office.get(f"/api/employees/{made['id']}")
    if turn % 2:
        send(office, "DELETE", f"/api/employees/{made['id']}")
    todo.get("/api/todo/tasks")
    send(todo, "PATCH", f"/api/todo/tasks/{turn * 3 + 1}")
office.get("/api/employees")
send(office, "POST", "/api/employees", {"first_name": "No name"})
office.get("/api/employees/99999")
office.get("/api/todo/tasks")
