"""Somebody at pgAdmin, asked as its page's script asks: opens the tree down to columns, looks at tabs of tables and functions, the
dashboard, runs queries and views rows."""

import json
import random
import re
import sys

from browser import Browser

page = Browser(sys.argv[1], pause=0.03)
draw = random.Random(4)
page.get("/browser/")
token = re.search(r"csrf_token'\] = '([^']*)'", page.get("/browser/js/utils.js"))
token = token[1] if token else ""


def ask(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    text, _ = page.ask(path, data, method=method, headers={"X-pgA-CSRFToken": token, "Content-Type": "application/json", "X-Requested-With": "XMLHttpRequest"})
    try:
        return json.loads(text)
    except ValueError:
        return {}


def nodes(kind, *ids):
    found = ask("GET", f"/browser/{kind}/nodes/{'/'.join(map(str, ids))}/")
    return [(node["_id"], node["label"]) for node in found.get("data") or found.get("result") or [] if isinstance(node, dict)]


def tabs(kind, *ids):
    """Properties, SQL, statistics, dependencies and dependents of one object, as far as its kind has them."""
    path = "/".join(map(str, ids))
    for tab in ("obj", "sql", "stats", "dependency", "dependent"):
        if tab == "stats" and kind in ("schema", "type", "foreign_key"):
            continue
        ask("GET", f"/browser/{kind}/{tab}/{path}")


def query(server, database, sql):
    number = draw.randrange(1, 9999999)
    ask("POST", f"/sqleditor/initialize/sqleditor/{number}/1/{server}/{database}", {"dbname": "field"})
    ask("POST", f"/sqleditor/query_tool/start/{number}", {"sql": sql, "explain_plan": None})
    for _ in range(20):
        state = (ask("GET", f"/sqleditor/poll/{number}").get("data") or {}).get("status")
        if state != "Busy":
            print("query:", state)
            break
    ask("GET", f"/sqleditor/status/{number}")
    ask("DELETE", f"/sqleditor/close/{number}")


def rows(server, database, table):
    number = draw.randrange(1, 9999999)
    ask("POST", f"/sqleditor/initialize/viewdata/{number}/3/table/1/{server}/{database}/{table}", {"filter": "", "title": "rows"})
    ask("GET", f"/sqleditor/view_data/start/{number}")
    for _ in range(20):
        state = (ask("GET", f"/sqleditor/poll/{number}").get("data") or {}).get("status")
        if state != "Busy":
            print("rows:", state)
            break
    ask("DELETE", f"/sqleditor/close/{number}")


ask("POST", "/browser/master_password", {})
for path in ("/browser/nodes/", "/browser/server_group/nodes/", "/preferences/get_all", "/settings/get_tree_state/", "/browser/server/nodes/1/"):
    ask("GET", path)
server = nodes("server", 1)[0][0]
ask("POST", f"/browser/server/connect/1/{server}", {"password": "any"})
tabs("server", 1, server)
charts = "session_stats,tps_stats,ti_stats,to_stats,bio_stats"
for visit in range(3):
    databases = nodes("database", 1, server)
    print(databases)
    nodes("role", 1, server)
    nodes("tablespace", 1, server)
    database = next(id for id, label in databases if label == "field")
    ask("POST", f"/browser/database/connect/1/{server}/{database}", {})
    tabs("database", 1, server, database)
    for refresh in range(5):
        ask("GET", f"/dashboard/dashboard_stats/{server}/{database}?chart_names={charts}")
    for table in ("activity", "locks", "prepared", "config"):
        ask("GET", f"/dashboard/{table}/{server}" + ("" if table == "config" else f"/{database}"))
    for kind in ("cast", "event_trigger", "extension", "foreign_data_wrapper", "language", "publication", "subscription"):
        nodes(kind, 1, server, database)
    for schema, label in nodes("schema", 1, server, database):
        tabs("schema", 1, server, database, schema)
        for kind in ("collation", "domain", "function", "procedure", "sequence", "trigger_function", "type", "view", "mview"):
            for found, _ in nodes(kind, 1, server, database, schema)[:3]:
                tabs(kind, 1, server, database, schema, found)
        for table, name in nodes("table", 1, server, database, schema):
            tabs("table", 1, server, database, schema, table)
            for kind in ("column", "index", "trigger", "rule", "foreign_key", "primary_key", "unique_constraint"):
                for found, _ in nodes(kind, 1, server, database, schema, table)[:2]:
                    tabs(kind, 1, server, database, schema, table, found)
            rows(server, database, table)
    query(server, database, "SELECT p.first_name, count(*) FROM forum_example.post o JOIN forum_example.person p ON p.id = o.author_id GROUP BY 1 ORDER BY 2 DESC")
    query(server, database, "SELECT * FROM forum_example.post ORDER BY id LIMIT 200")
    query(server, database, "EXPLAIN SELECT * FROM forum_example.post WHERE headline LIKE '%3%'")
    ask("GET", f"/search_objects/search/{server}/{database}?text=post&type=all")
