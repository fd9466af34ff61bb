"""A to-do list and a shared list over Kinto's API, as its tutorial has them."""

import base64
import json
import sys
import urllib.error
import urllib.request

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(method, path, body=None, user="ann", **headers):
    data = None if body is None else json.dumps(body).encode()
    headers |= {"Content-Type": "application/json", "Authorization": "Basic " + base64.b64encode(f"{user}:secret".encode()).decode()}
    request = urllib.request.Request(sys.argv[1] + path, data, headers, method=method)
    try:
        with opener.open(request, timeout=20) as answer:
            return json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        error.read()
        return {}


for number in range(30):
    ask("POST", "/buckets/default/collections/tasks/records", {"data": {"title": f"Task {number}", "done": number % 3 == 0, "rank": number}})
ask("PUT", "/buckets/shared", {"data": {}, "permissions": {"read": ["system.Authenticated"]}})
ask("PUT", "/buckets/shared/groups/friends", {"data": {"members": ["basicauth:x"]}})
ask("PUT", "/buckets/shared/collections/recipes", {"data": {"schema": {"type": "object", "properties": {"name": {"type": "string"}}}},
                                                   "permissions": {"record:create": ["system.Authenticated"]}})
ask("POST", "/batch", {"defaults": {"method": "POST", "path": "/v1/buckets/shared/collections/recipes/records"},
                       "requests": [{"body": {"data": {"name": f"Recipe {n}", "minutes": n * 5}}} for n in range(20)]})
for number in range(6):
    tasks = ask("GET", "/buckets/default/collections/tasks/records").get("data", [])
    ask("GET", "/buckets/default/collections/tasks/records?done=true&_sort=-rank&_limit=5")
    ask("GET", "/buckets/shared/collections/recipes/records?_sort=name", user="ben")
    ask("GET", "/buckets/shared/collections/recipes/records?min_minutes=30", user="ben")
    ask("POST", "/buckets/shared/collections/recipes/records", {"data": {"name": f"Ben's {number}"}}, user="ben")
    for task in tasks[number * 3:number * 3 + 3]:
        ask("GET", f"/buckets/default/collections/tasks/records/{task['id']}")
        ask("PATCH", f"/buckets/default/collections/tasks/records/{task['id']}", {"data": {"done": True}})
    ask("GET", "/buckets/shared/history?_limit=20")
    ask("GET", "/buckets")
    ask("GET", "/buckets/shared/collections")
    ask("GET", "/")
for task in ask("GET", "/buckets/default/collections/tasks/records").get("data", [])[:5]:
    ask("DELETE", f"/buckets/default/collections/tasks/records/{task['id']}")
ask("DELETE", "/buckets/shared/collections/recipes/records?max_minutes=20")
