"""A team's projects and tasks in NocoDB: tables, links and views made, records kept over its API, grids read as its pages do.

nocodb_client.py URL
"""

import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
token = None


def ask(method, path, body=None, **parameters):
    url = sys.argv[1] + path + ("?" + urllib.parse.urlencode(parameters, doseq=True) if parameters else "")
    headers = {"Content-Type": "application/json"} | ({"xc-auth": token} if token else {})
    data = None if body is None else json.dumps(body).encode()
    try:
        with opener.open(urllib.request.Request(url, data, headers, method=method), timeout=60) as answer:
            text = answer.read()
            return json.loads(text) if text and "json" in answer.headers.get_content_type() else None
    except urllib.error.HTTPError as error:
        print(method, path, error.code, error.read()[:300])
        return None


# The server listens before its own application is there.
for _ in range(60):
    if ask("GET", "/api/v1/health"):
        break
    time.sleep(1)
token = ask("POST", "/api/v1/auth/user/signup", {"email": "ann@example.com", "password": "Secret.12"})["token"]
base = ask("POST", "/api/v2/meta/bases/", {"title": "Work"})["id"]


def column(title, kind="SingleLineText", **more):
    return {"title": title, "column_name": title.lower().replace(" ", "_"), "uidt": kind} | more


KEY = column("Id", "ID")


def table(title, *columns):
    return ask("POST", f"/api/v2/meta/bases/{base}/tables", {"title": title, "table_name": title.lower(), "columns": [KEY, *columns]})


people = table("People", column("Name", pv=True), column("Email", "Email"), column("Team", "SingleSelect", dtxp="'red','blue','green'"))
projects = table("Projects", column("Name", pv=True), column("About", "LongText"), column("Due", "Date"), column("Budget", "Number"))
tasks = table("Tasks", column("Title", pv=True), column("Status", "SingleSelect", dtxp="'open','doing','done'"), column("Hours", "Number"), column("Notes", "LongText"))
ask("POST", f"/api/v2/meta/tables/{projects['id']}/columns/", {"title": "Tasks", "uidt": "LinkToAnotherRecord", "parentId": projects["id"], "childId": tasks["id"], "type": "hm"})
ask("POST", f"/api/v2/meta/tables/{tasks['id']}/columns/", {"title": "People", "uidt": "LinkToAnotherRecord", "parentId": tasks["id"], "childId": people["id"], "type": "mm"})


def columns(found):
    return {each["title"]: each["id"] for each in ask("GET", f"/api/v2/meta/tables/{found['id']}")["columns"]}


def records(found, suffix=""):
    return f"/api/v2/tables/{found['id']}/records{suffix}"


in_projects, in_tasks = columns(projects), columns(tasks)
ask("POST", f"/api/v2/meta/tables/{projects['id']}/columns/", {"title": "Hours", "uidt": "Rollup", "fk_relation_column_id": in_projects["Tasks"],
                                                              "fk_rollup_column_id": in_tasks["Hours"], "rollup_function": "sum"})
ask("POST", records(people), [{"Name": f"Person {n}", "Email": f"person{n}@example.com", "Team": ["red", "blue", "green"][n % 3]} for n in range(1, 21)])
ask("POST", records(projects), [{"Name": f"Project {n}", "About": "What it is for. " * 5, "Due": f"2026-0{1 + n % 9}-15", "Budget": n * 100} for n in range(1, 13)])
for start in range(0, 120, 40):
    ask("POST", records(tasks), [{"Title": f"Task {n}", "Status": ["open", "doing", "done"][n % 3], "Hours": 1 + n % 8, "Notes": f"Note {n}. " * 4} for n in range(start + 1, start + 41)])
for project in range(1, 13):
    ask("POST", f"/api/v2/tables/{projects['id']}/links/{in_projects['Tasks']}/records/{project}", [{"Id": task} for task in range(project, 121, 12)])
for task in range(1, 31):
    ask("POST", f"/api/v2/tables/{tasks['id']}/links/{in_tasks['People']}/records/{task}", [{"Id": 1 + task % 20}, {"Id": 1 + (task * 3 + 1) % 20}])

# Views: one of open tasks in order of hours, a board by status.
grid = ask("POST", f"/api/v2/meta/tables/{tasks['id']}/grids/", {"title": "Open tasks", "type": 3})
if grid:
    ask("POST", f"/api/v2/meta/views/{grid['id']}/filters", {"fk_column_id": in_tasks["Status"], "comparison_op": "eq", "value": "open", "logical_op": "and"})
    ask("POST", f"/api/v2/meta/views/{grid['id']}/sorts/", {"fk_column_id": in_tasks["Hours"], "direction": "desc"})
ask("POST", f"/api/v2/meta/tables/{tasks['id']}/kanbans", {"title": "Board", "type": 4, "fk_grp_col_id": in_tasks["Status"]})


def frame():
    """What the application's frame asks for."""
    for path in ("/api/v1/meta/nocodb/info", "/api/v1/auth/user/me", "/api/v2/meta/bases/", f"/api/v2/meta/bases/{base}", f"/api/v2/meta/bases/{base}/tables"):
        ask("GET", path)


def grid_page(found, offset=0):
    """A table's page: its columns, its views, and the first rows of one of these."""
    ask("GET", f"/api/v2/meta/tables/{found['id']}")
    views = ask("GET", f"/api/v2/meta/tables/{found['id']}/views")["list"]
    for view in views[:2]:
        ask("GET", f"/api/v2/meta/views/{view['id']}/columns/")
        ask("GET", f"/api/v2/meta/views/{view['id']}/filters")
        ask("GET", f"/api/v2/meta/views/{view['id']}/sorts/")
        data = f"/api/v1/db/data/noco/{base}/{found['id']}/views/{view['id']}"
        ask("GET", data, limit=25, offset=offset)
        ask("GET", data + "/count")


for number in range(8):
    frame()
    for found in (projects, tasks, people):
        grid_page(found, 25 if found is tasks and number % 2 else 0)
    ask("GET", records(tasks), where="(Status,eq,open)~and(Hours,gt,3)", sort="-Hours", limit=25)
    ask("GET", records(tasks), where=f"(Title,like,%{number}%)", fields="Id,Title,Status", limit=25, offset=0)
    ask("GET", records(projects), sort="Due", limit=25)
    ask("GET", records(tasks, "/count"), where="(Status,eq,done)")
    project = number + 1
    ask("GET", records(projects, f"/{project}"))
    ask("GET", f"/api/v2/tables/{projects['id']}/links/{in_projects['Tasks']}/records/{project}", limit=25)
    for task in range(project, project + 36, 12):
        ask("GET", records(tasks, f"/{task}"))
        ask("GET", f"/api/v2/tables/{tasks['id']}/links/{in_tasks['People']}/records/{task}")
    ask("PATCH", records(tasks), [{"Id": task, "Status": "done", "Hours": 2} for task in range(project, project + 24, 12)])
    ask("POST", records(tasks), {"Title": f"Later {number}", "Status": "open", "Hours": number})
    ask("GET", f"/api/v1/db/data/noco/{base}/{tasks['id']}/groupby", column_name="Status")
ask("DELETE", records(tasks), [{"Id": 121}, {"Id": 122}])
ask("GET", f"/api/v1/db/data/noco/{base}/{tasks['id']}/export/csv")
print("tasks", ask("GET", records(tasks, "/count")))
