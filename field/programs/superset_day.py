"""Analysts at Superset's examples, as its page asks for them: lists, dashboards with the data of their charts, SQL, new charts.

    superset_day.py URL
"""

import json
import re
import sys
import urllib.parse
import uuid

from browser import Browser

base = sys.argv[1]
ann = Browser(base)
# The page's form is made by its script.
csrf = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', ann.get("/login/"), re.S)[1]
ann.ask("/login/", urllib.parse.urlencode({"csrf_token": csrf, "username": "ann", "password": "secret"}).encode())
token = json.loads(ann.get("/api/v1/security/csrf_token/"))["result"]


def api(path, body=None, method=None, q=None):
    address = f"/api/v1/{path}" + (f"?q={urllib.parse.quote(q)}" if q else "")
    headers = {"X-CSRFToken": token, "Referer": base + "/", "Accept": "application/json"} | ({} if body is None else {"Content-Type": "application/json"})
    text = ann.ask(address, None if body is None else json.dumps(body).encode(), method, headers)[0]
    try:
        return json.loads(text)
    except ValueError:
        return {}


def data(chart, dashboard=None):
    """What the page asks for to draw a chart: its form's fields as a query."""
    form = json.loads(chart.get("params") or "{}") if isinstance(chart.get("params"), str) else chart.get("form_data") or {}
    number = int(str(form.get("datasource") or f"{chart.get('datasource_id')}__table").split("__")[0])

    def listed(value):
        return value if isinstance(value, list) else [value] if value else []

    columns = [it for it in listed(form.get("groupby")) + listed(form.get("columns")) + listed(form.get("series")) + listed(form.get("all_columns")) if it]
    if form.get("x_axis") and isinstance(form["x_axis"], str):
        columns = [{"columnType": "BASE_AXIS", "sqlExpression": form["x_axis"], "label": form["x_axis"], "expressionType": "SQL", "timeGrain": form.get("time_grain_sqla")}] + columns
    metrics = [it for it in listed(form.get("metrics")) + listed(form.get("metric")) if it]
    filters = [{"col": it["subject"], "op": it["operator"], "val": it.get("comparator")} for it in form.get("adhoc_filters") or [] if it.get("expressionType") == "SIMPLE"]
    query = {"columns": columns, "metrics": metrics, "filters": filters, "row_limit": form.get("row_limit") or 1000, "time_range": form.get("time_range") or "No filter",
             "granularity": form.get("granularity_sqla"), "extras": {"having": "", "where": ""}, "orderby": [[metrics[0], False]] if metrics else [], "is_timeseries": False}
    return api("chart/data" + (f"?dashboard_id={dashboard}" if dashboard else ""),
               {"datasource": {"id": number, "type": "table"}, "force": False, "queries": [query], "form_data": form, "result_format": "json", "result_type": "full"})


dashboards = api("dashboard/", q="(order_column:changed_on_delta_humanized,order_direction:desc,page:0,page_size:25)").get("result", [])
print(len(dashboards), "dashboards")
for visit in range(2):
    ann.get("/superset/welcome/")
    api("log/recent_activity/", q="(page_size:6)")
    api("dashboard/", q="(filters:!((col:created_by,opr:rel_o_m,value:1)),order_column:changed_on_delta_humanized,order_direction:desc,page:0,page_size:5)")
    api("chart/", q="(filters:!((col:created_by,opr:rel_o_m,value:1)),order_column:changed_on_delta_humanized,order_direction:desc,page:0,page_size:5)")
    api("saved_query/", q="(filters:!((col:created_by,opr:rel_o_m,value:1)),order_column:changed_on_delta_humanized,order_direction:desc,page:0,page_size:5)")
    ann.get("/dashboard/list/")
    api("dashboard/_info", q="(keys:!(permissions))")
    for page in range(1 + visit):
        api("dashboard/", q=f"(order_column:changed_on_delta_humanized,order_direction:desc,page:{page},page_size:25)")
    for dashboard in dashboards[visit * 5:visit * 5 + 5]:
        number = dashboard["id"]
        ann.get(f"/superset/dashboard/{number}/")
        api(f"dashboard/{number}")
        charts = api(f"dashboard/{number}/charts").get("result", [])
        api(f"dashboard/{number}/datasets")
        api("dashboard/favorite_status/", q=f"!({number})")
        for chart in charts:
            data(chart, number)
    ann.get("/chart/list/")
    for page in range(3):
        charts = api("chart/", q=f"(order_column:changed_on_delta_humanized,order_direction:desc,page:{page},page_size:25)").get("result", [])
        api("chart/favorite_status/", q="!(" + ",".join(str(chart["id"]) for chart in charts) + ")")
        for chart in charts[visit * 3:visit * 3 + 3]:
            ann.get(f"/explore/?slice_id={chart['id']}")
            found = api(f"explore/?slice_id={chart['id']}").get("result", {})
            if found.get("slice"):
                data({"form_data": found.get("form_data"), "datasource_id": found["dataset"]["id"]})
            api(f"chart/{chart['id']}")
    ann.get("/tablemodelview/list/")
    sets = api("dataset/", q="(order_column:changed_on_delta_humanized,order_direction:desc,page:0,page_size:25)").get("result", [])
    for found in sets[visit * 4:visit * 4 + 4]:
        api(f"dataset/{found['id']}")
        api(f"dataset/{found['id']}/related_objects")
    bases = api("database/", q="(page:0,page_size:25)").get("result", [])
    ann.get("/sqllab/")
    examples = bases[0]["id"]
    api(f"database/{examples}/schemas/")
    api(f"database/{examples}/tables/", q="(force:!f,schema_name:public)")
    for name in ("birth_names", "messages_channels", "video_game_sales", "cleaned_sales_data"):
        api(f"database/{examples}/table/{name}/public/")
        api("sqllab/execute/", {"client_id": uuid.uuid4().hex[:11], "database_id": examples, "runAsync": False, "schema": "public", "sql": f"SELECT * FROM {name} LIMIT 100",
                                "sql_editor_id": "1", "tab": "Query", "tmp_table_name": "", "select_as_cta": False, "ctas_method": "TABLE", "queryLimit": 1000, "expand_data": True})
    api("sqllab/execute/", {"client_id": uuid.uuid4().hex[:11], "database_id": examples, "runAsync": False, "schema": "public", "queryLimit": 1000, "sql_editor_id": "1", "tab": "Query",
                            "sql": "SELECT gender, state, sum(num) AS births FROM birth_names GROUP BY gender, state ORDER BY births DESC"})
    api("query/", q="(order_column:start_time,order_direction:desc,page:0,page_size:25)")
    for number, found in enumerate(sets[:4]):
        form = {"datasource": f"{found['id']}__table", "viz_type": "table", "metrics": ["count"], "groupby": [], "row_limit": 100}
        chart = api("chart/", {"slice_name": f"New {visit}.{number}", "viz_type": "table", "datasource_id": found["id"], "datasource_type": "table", "params": json.dumps(form)})
        if "id" in chart:
            api(f"chart/{chart['id']}", {"description": "Changed"}, "PUT")
            api(f"chart/{chart['id']}/favorites/", {}, "POST")
    made = api("dashboard/", {"dashboard_title": f"Ours {visit}", "published": True})
    if "id" in made:
        api(f"dashboard/{made['id']}", {"dashboard_title": f"Ours, changed {visit}"}, "PUT")
