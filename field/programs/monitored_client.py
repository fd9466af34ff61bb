"""Customers of the shop for a while, then its owner, who looks at the pages of the dashboard as its own frontend asks for them."""

import datetime
import json
import random
import sys
import time
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar

drawn = random.Random(14)


def person():
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(CookieJar()))

    def ask(path, body=None, form=None):
        data, kind = (json.dumps(body).encode(), "application/json") if body is not None else (None, "application/x-www-form-urlencoded")
        data = urllib.parse.urlencode(form).encode() if form else data
        try:
            with opener.open(urllib.request.Request(sys.argv[1] + path, data, {"Content-Type": kind}), timeout=60) as answer:
                text = answer.read()
                return json.loads(text) if "json" in answer.headers.get("Content-Type", "") else None
        except OSError as error:
            print(path, error)

    return ask


def shop(number):
    ask = person()
    if number % 3:
        ask(f"/login/person{number % 7}", {})
    for page in range(2):
        for one in drawn.sample(ask(f"/products?page={page + number % 5}") or [], 2):
            ask(f"/products/{one['id']}")
    ask(f"/search?q=Product+{number}")
    if number % 2 == 0:
        ask("/orders", {"products": drawn.sample(range(1, 200), 3)})
    if number % 4 == 0:
        ask("/prices")
    time.sleep(0.3)


def look(ask):
    day = datetime.date.today()
    since, until = day - datetime.timedelta(days=7), day + datetime.timedelta(days=1)
    for path in ("deploy_details", "deploy_config", "endpoints", "endpoints_hits", "custom_graphs", "num_exceptions", "exception_occurrence/0/10",
                 f"requests/{since}/{until}", f"hourly_load/{since}/{until}", "versions"):
        ask(f"/dashboard/api/{path}")
    overview = ask("/dashboard/api/overview") or []
    names = [one["name"] for one in overview]
    ask("/dashboard/api/api_performance", {"data": {"endpoints": names}})
    ask("/dashboard/api/multi_version", {"data": {"endpoints": names, "versions": ["1.2"]}})
    for one in overview[:5]:
        number = one["id"]
        for path in ("endpoint_info", "users", "ip", "versions", "num_profiled", "grouped_profiler", "num_outliers", "outlier_graph", "num_exceptions",
                     "endpoint_status_code_distribution", "endpoint_status_code_summary"):
            ask(f"/dashboard/api/{path}/{number}")
        ask(f"/dashboard/api/profiler_table/{number}/0/5")
        ask(f"/dashboard/api/outlier_table/{number}/0/5")
        ask(f"/dashboard/api/hourly_load/{since}/{until}/{number}")
        ask(f"/dashboard/api/endpoint_versions/{number}", {"data": {"versions": ["1.2"]}})
        ask(f"/dashboard/api/endpoint_users/{number}", {"data": {"users": [f"person{n}" for n in range(7)]}})


for number in range(60):
    shop(number)
owner = person()
owner("/dashboard/login", form={"name": "admin", "password": "admin"})
look(owner)
for number in range(20):
    shop(number)
look(owner)
