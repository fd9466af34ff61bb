"""A day with Airflow: the tutorial's DAGs switched on and run, their runs waited for, and what the pages ask for in between.

airflow_client.py ADDRESS
"""

import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from datetime import datetime, timedelta, timezone

SITE = sys.argv[1]
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
headers = {"Content-Type": "application/json"}


def ask(method, path, body=None, **parameters):
    url = SITE + path + ("?" + urllib.parse.urlencode(parameters, doseq=True) if parameters else "")
    data = None if body is None else json.dumps(body).encode()
    try:
        with opener.open(urllib.request.Request(url, data, headers, method=method), timeout=90) as answer:
            text = answer.read()
            return json.loads(text) if text and answer.headers.get_content_type() == "application/json" else None
    except urllib.error.HTTPError as error:
        print(method, path, error.code, error.read()[:200])
    except (OSError, ValueError) as error:
        print(method, path, error)


def get(path, **parameters):
    return ask("GET", path, **parameters)


headers["Authorization"] = "Bearer " + get("/auth/token")["access_token"]
until = time.monotonic() + 60
while (get("/api/v2/dags", limit=100) or {}).get("total_entries", 0) < 20 and time.monotonic() < until:
    time.sleep(3)


def home():
    for path in ("/ui/auth/menus", "/ui/config", "/api/v2/monitor/health", "/api/v2/version"):
        get(path)
    since = (datetime.now(timezone.utc) - timedelta(days=1)).isoformat()
    get("/ui/dashboard/historical_metrics_data", start_date=since)
    get("/ui/dashboard/dag_stats")
    get("/api/v2/pools", limit=50)
    get("/api/v2/importErrors", limit=1)
    get("/api/v2/assets/events", limit=6, order_by="-timestamp")


def dags_page(offset=0):
    get("/ui/dags", limit=50, offset=offset, dag_runs_limit=14, order_by="dag_display_name", exclude_stale="true")
    get("/api/v2/dagTags", limit=50)


def dag_page(dag):
    for path in (f"/api/v2/dags/{dag}/details", f"/ui/dags/{dag}/latest_run", f"/ui/grid/structure/{dag}", f"/ui/grid/runs/{dag}",
                 f"/api/v2/dags/{dag}/tasks", f"/api/v2/dags/{dag}/dagVersions"):
        get(path)
    get("/ui/structure/structure_data", dag_id=dag)
    get("/ui/dependencies")
    runs = get(f"/api/v2/dags/{dag}/dagRuns", limit=25, order_by="-run_after") or {}
    return [run["dag_run_id"] for run in runs.get("dag_runs", [])]


def run_page(dag, run):
    path = f"/api/v2/dags/{dag}/dagRuns/{urllib.parse.quote(run)}"
    get(path)
    get(f"/ui/gantt/{dag}/{urllib.parse.quote(run)}")
    get(f"/ui/grid/ti_summaries/{dag}", run_ids=run)
    tasks = (get(f"{path}/taskInstances", limit=50) or {}).get("task_instances", [])
    for task in tasks[:3]:
        one = f"{path}/taskInstances/{task['task_id']}"
        get(one)
        get(f"{one}/logs/{max(task['try_number'], 1)}", map_index=task["map_index"])
        get(f"{one}/xcomEntries", limit=50)
        get(f"{one}/tries")


names = ["tutorial_dag", "tutorial_taskflow_api", "tutorial_taskflow_templates", "example_bash_operator", "example_xcom", "example_task_group",
         "example_dynamic_task_mapping", "example_branch_dop_operator_v3", "example_params_trigger_ui", "example_setup_teardown_taskflow", "example_complex"]
home()
dags_page()
known = {dag["dag_id"] for dag in (get("/api/v2/dags", limit=100) or {}).get("dags", [])}
print(len(known), "dags")
names = [name for name in names if name in known]
for number in range(25):
    ask("POST", "/api/v2/variables", {"key": f"variable{number}", "value": str(number), "description": "A setting"})
for number in range(6):
    ask("POST", "/api/v2/connections", {"connection_id": f"store{number}", "conn_type": "http", "host": "127.0.0.1", "port": 80})
ask("POST", "/api/v2/pools", {"name": "few", "slots": 3})
started = []
for name in names:
    ask("PATCH", f"/api/v2/dags/{name}", {"is_paused": False}, update_mask="is_paused")
    for turn in range(2):
        run = ask("POST", f"/api/v2/dags/{name}/dagRuns", {"dag_run_id": f"by-hand-{turn}", "logical_date": None})
        if run:
            started.append((name, run["dag_run_id"]))
    dag_page(name)
for turn in range(12):
    home()
    dags_page()
    for name in names[turn % 4::4]:
        for run in dag_page(name)[:1]:
            run_page(name, run)
    states = [(get(f"/api/v2/dags/{name}/dagRuns/{run}") or {}).get("state") for name, run in started]
    print({state: states.count(state) for state in states})
    if not {"queued", "running"} & set(states) and turn > 3:
        break
    time.sleep(4)
for name, run in started[:6]:
    run_page(name, run)
    ask("POST", f"/api/v2/dags/{name}/clearTaskInstances", {"dry_run": True, "dag_run_id": run, "only_failed": False})
    get(f"/ui/calendar/{name}")
    get("/api/v2/dagSources/" + name)
for path in ("/api/v2/variables", "/api/v2/connections", "/api/v2/eventLogs", "/api/v2/jobs", "/api/v2/assets", "/api/v2/plugins", "/api/v2/providers"):
    get(path, limit=50)
get("/api/v2/dags/~/dagRuns", limit=50)
get("/api/v2/dags/~/dagRuns/~/taskInstances", limit=50)
