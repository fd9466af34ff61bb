"""Feature flags in Unleash: an administrator's pages, flags made and changed, two services and a site that ask for them.

unleash_client.py URL
"""

import http.cookiejar
import json
import sys
import urllib.error
import urllib.parse
import urllib.request
from datetime import datetime, timedelta, timezone

SITE = sys.argv[1]
FLAGS = "/api/admin/projects/default/features"


class Caller:
    def __init__(self, token=None):
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
        self.token, self.tags = token, {}

    def ask(self, method, path, body=None, **parameters):
        url = SITE + path + ("?" + urllib.parse.urlencode(parameters, doseq=True) if parameters else "")
        headers = {"Content-Type": "application/json", "UNLEASH-APPNAME": "shop", "UNLEASH-INSTANCEID": "one"}
        if self.token:
            headers["Authorization"] = self.token
        if method == "GET" and path in self.tags:
            headers["If-None-Match"] = self.tags[path]
        data = None if body is None else json.dumps(body).encode()
        try:
            with self.opener.open(urllib.request.Request(url, data, headers, method=method), timeout=60) as answer:
                if self.token and answer.headers.get("ETag"):
                    self.tags[path] = answer.headers["ETag"]
                text = answer.read()
                return json.loads(text) if text and "json" in answer.headers.get_content_type() else None
        except urllib.error.HTTPError as error:
            text = error.read()
            if error.code != 304:
                print(method, path, error.code, text[:300])
            return None


admin = Caller()
admin.ask("POST", "/auth/simple/login", {"username": "admin", "password": "unleash4all"})


def pages(flag=None):
    """What the pages of the administration ask for: its frame, the project's flags, and one of these."""
    for path in ("/api/admin/ui-config", "/api/admin/user", "/api/admin/projects", "/api/admin/projects/default/overview", "/api/admin/environments"):
        admin.ask("GET", path)
    admin.ask("GET", "/api/admin/search/features", project="IS:default", offset=0, limit=25, sortBy="createdAt", sortOrder="desc")
    if flag:
        admin.ask("GET", f"{FLAGS}/{flag}", variantEnvironments="true")
        for path in (f"/api/admin/features/{flag}/tags", f"/api/admin/client-metrics/features/{flag}", f"/api/admin/client-metrics/features/{flag}/raw", "/api/admin/strategies",
                     "/api/admin/segments", "/api/admin/context", "/api/admin/tag-types"):
            admin.ask("GET", path)
        admin.ask("GET", "/api/admin/search/events", feature=f"IS:{flag}", limit=25)


pages()
segments = [admin.ask("POST", "/api/admin/segments", {"name": f"country-{country}", "constraints": [{"contextName": "country", "operator": "IN", "values": [country]}]})
            for country in ("de", "fr", "no", "us", "in")]
admin.ask("POST", "/api/admin/context", {"name": "country", "description": "Where a person is", "legalValues": [{"value": "de"}, {"value": "fr"}]})
admin.ask("POST", "/api/admin/tags", {"type": "simple", "value": "checkout"})
names = [f"flag-{number}" for number in range(36)]
for number, name in enumerate(names):
    admin.ask("POST", FLAGS, {"name": name, "type": ["release", "experiment", "operational"][number % 3], "description": f"Whether {name} is shown", "impressionData": number % 4 == 0})
    strategy = [{"name": "default"}, {"name": "flexibleRollout", "parameters": {"rollout": str(10 + number), "stickiness": "default", "groupId": name}},
                {"name": "default", "constraints": [{"contextName": "userId", "operator": "IN", "values": ["1", "2", "3"]}]}][number % 3]
    if number % 3 == 1 and number % 2:
        strategy["variants"] = [{"name": color, "weight": 500, "weightType": "variable", "stickiness": "default"} for color in ("red", "blue")]
    if number % 4 == 1 and segments[number % 5]:
        strategy["segments"] = [segments[number % 5]["id"]]
    admin.ask("POST", f"{FLAGS}/{name}/environments/development/strategies", strategy)
    if number % 2 == 0:
        admin.ask("POST", f"{FLAGS}/{name}/environments/development/on")
    if number % 5 == 0:
        admin.ask("POST", f"/api/admin/features/{name}/tags", {"type": "simple", "value": "checkout"})
    if number % 6 == 0:
        pages(name)

# Two services with an SDK each: registered once, then asking for flags and telling of their use; a site does so in the browser.
services = [Caller("default:development.unleash-backend-secret") for _ in range(2)]
for number, service in enumerate(services):
    service.ask("POST", "/api/client/register", {"appName": f"service-{number}", "instanceId": "one", "sdkVersion": "unleash-client-node:6.0.0", "strategies": ["default", "flexibleRollout"],
                                                 "started": "2026-01-01T10:00:00Z", "interval": 15000})
site = Caller("default:development.unleash-frontend-secret")
start = datetime.now(timezone.utc)


def bucket(round):
    toggles = {name: {"yes": 3 + round, "no": 2, "variants": {}} for name in names[round % 6::6]}
    return {"start": (start + timedelta(seconds=round)).isoformat(), "stop": (start + timedelta(seconds=round + 1)).isoformat(), "toggles": toggles}


for round in range(12):
    for number, service in enumerate(services):
        service.ask("GET", "/api/client/features")
        service.ask("POST", "/api/client/metrics", {"appName": f"service-{number}", "instanceId": "one", "bucket": bucket(round)})
    for user in range(3):
        site.ask("GET", "/api/frontend", userId=user, country="de", sessionId=round)
    site.ask("POST", "/api/frontend/client/metrics", {"appName": "site", "instanceId": "browser", "bucket": bucket(round)})
    name = names[round * 3]
    pages(name)
    admin.ask("POST", f"{FLAGS}/{name}/environments/development/{'off' if round % 2 else 'on'}")
    if round % 3 == 0:
        admin.ask("PUT", f"{FLAGS}/{name}", {"name": name, "description": "Changed", "type": "release", "impressionData": False})
    if round == 6:
        admin.ask("GET", "/api/admin/metrics/applications")
        admin.ask("GET", "/api/admin/metrics/applications/service-0/overview")
admin.ask("POST", "/api/admin/playground/advanced", {"context": {"appName": "shop", "userId": "1", "country": "de"}, "environments": ["development"], "projects": ["default"]})
admin.ask("DELETE", f"{FLAGS}/{names[-1]}")
admin.ask("GET", "/api/admin/search/features", project="IS:default", archived="IS:true")
admin.ask("GET", "/api/admin/search/events", limit=50)
admin.ask("GET", "/api/admin/user-admin")
admin.ask("GET", "/api/admin/personal-dashboard")
print("asked")
