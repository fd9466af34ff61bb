"""A team's todo lists over the API: lists and todos made, read with what belongs to them, filtered, counted, done and deleted.

loopback_client.py ADDRESS
"""

import json
import sys
import urllib.error
import urllib.parse
import urllib.request

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(method, path, body=None, **query):
    url = sys.argv[1] + path + ("?" + urllib.parse.urlencode({key: json.dumps(value) for key, value in query.items()}) if query else "")
    data = None if body is None else json.dumps(body).encode()
    try:
        with opener.open(urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method), timeout=30) as answer:
            return json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        print(method, path, error.code, error.read()[:300])
        return {}


ask("GET", "/openapi.json")
lists = [ask("POST", "/todo-lists", {"title": f"List {number}", "color": ("red", "blue", "green")[number % 3]})["id"] for number in range(15)]
todos = [ask("POST", "/todos", {"title": f"Todo {number}", "desc": "What is to be done", "isComplete": False, "todoListId": lists[number % 15]})["id"] for number in range(150)]
for turn in range(10):
    ask("GET", "/todo-lists", filter={"include": [{"relation": "todos"}], "order": ["title ASC"]})
    ask("GET", "/todos", filter={"limit": 20, "skip": turn * 10, "order": ["id DESC"], "include": [{"relation": "todoList"}]})
    ask("GET", "/todos", filter={"where": {"isComplete": False, "todoListId": lists[turn]}, "fields": {"id": True, "title": True}})
    ask("GET", "/todos/count", where={"isComplete": True})
    ask("GET", f"/todo-lists/{lists[turn]}", filter={"include": [{"relation": "todos"}]})
    for todo in todos[turn * 7:turn * 7 + 5]:
        ask("GET", f"/todos/{todo}")
        ask("PATCH", f"/todos/{todo}", {"isComplete": True})
    ask("PUT", f"/todos/{todos[turn]}", {"title": f"Better {turn}", "isComplete": False, "todoListId": lists[turn]})
    ask("PATCH", "/todos", {"desc": "Changed"}, where={"todoListId": lists[turn]})
    ask("DELETE", f"/todos/{todos[100 + turn]}")
ask("GET", "/todos/99999")
print(ask("GET", "/todos/count"), ask("GET", "/todo-lists/count"))
