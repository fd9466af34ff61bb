"""Two labelling projects in Label Studio: tasks imported, predictions added, texts labelled one after the other, lists and exports.

label_studio_client.py URL TOKEN
"""

import json
import sys
import urllib.error
import urllib.parse
import urllib.request

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
TEXTS = """<View><Text name="text" value="$text"/><Choices name="sentiment" toName="text" choice="single" showInLine="true">
<Choice value="Positive"/><Choice value="Negative"/><Choice value="Neutral"/></Choices></View>"""
NAMES = """<View><Labels name="label" toName="text"><Label value="Person"/><Label value="Place"/></Labels><Text name="text" value="$text"/></View>"""
MOODS = ["Positive", "Negative", "Neutral"]


def ask(method, path, body=None, **parameters):
    url = sys.argv[1] + path + ("?" + urllib.parse.urlencode(parameters, doseq=True) if parameters else "")
    headers = {"Content-Type": "application/json", "Authorization": "Token " + sys.argv[2]}
    data = None if body is None else json.dumps(body).encode()
    try:
        with opener.open(urllib.request.Request(url, data, headers, method=method), timeout=60) as answer:
            text = answer.read()
            return json.loads(text) if text and "json" in answer.headers.get_content_type() else None
    except urllib.error.HTTPError as error:
        print(method, path, error.code, error.read()[:300])
        return None


def choice(mood):
    return [{"from_name": "sentiment", "to_name": "text", "type": "choices", "value": {"choices": [mood]}}]


def span(text, start, end, label):
    return [{"from_name": "label", "to_name": "text", "type": "labels", "value": {"start": start, "end": end, "text": text[start:end], "labels": [label]}}]


def data_manager(project, page=1):
    """What the page of a project asks for: its views, columns, actions, and a page of tasks."""
    ask("GET", f"/api/projects/{project}/")
    ask("GET", "/api/dm/columns/", project=project)
    ask("GET", "/api/dm/project/", project=project)
    ask("GET", "/api/dm/actions/", project=project)
    views = ask("GET", "/api/dm/views/", project=project) or []
    view = views[0]["id"] if views else ask("POST", "/api/dm/views/", {"project": project, "data": {"title": "Default", "ordering": [], "filters": {"conjunction": "and", "items": []}}})["id"]
    ask("GET", "/api/tasks/", view=view, project=project, page=page, page_size=30)
    return view


me = ask("GET", "/api/current-user/whoami")
reviews = ask("POST", "/api/projects/", {"title": "Reviews", "description": "How customers feel", "label_config": TEXTS, "show_skip_button": True})["id"]
names = ask("POST", "/api/projects/", {"title": "Names", "label_config": NAMES})["id"]
ask("POST", f"/api/projects/{reviews}/validate/", {"label_config": TEXTS})
for start in (0, 60):
    ask("POST", f"/api/projects/{reviews}/import", [{"text": f"Review {n}: " + "it was quite good. " * (1 + n % 5), "score": n % 6} for n in range(start, start + 60)])
ask("POST", f"/api/projects/{names}/import", [{"data": {"text": f"Person{n} lives in Town{n}."},
                                              "predictions": [{"model_version": "one", "score": 0.5, "result": span(f"Person{n} lives in Town{n}.", 0, 7, "Person")}]} for n in range(50)])
view = data_manager(reviews)
tasks = ask("GET", "/api/tasks/", view=view, project=reviews, page=1, page_size=100)["tasks"]
ask("POST", f"/api/projects/{reviews}/import/predictions", [{"task": task["id"], "result": choice(MOODS[n % 3]), "score": 0.7, "model_version": "one"} for n, task in enumerate(tasks[:40])])

for number in range(40):
    # One text: the next task, its label, at times a second look.
    task = ask("GET", f"/api/projects/{reviews}/next/")
    if not task:
        break
    done = ask("POST", f"/api/tasks/{task['id']}/annotations/", {"result": choice(MOODS[number % 3]), "lead_time": 3 + number % 5}, project=reviews)
    if number % 8 == 0 and done:
        ask("GET", f"/api/tasks/{task['id']}/", project=reviews)
        ask("PATCH", f"/api/annotations/{done['id']}/", {"result": choice(MOODS[(number + 1) % 3]), "lead_time": 4})
    if number % 10 == 5:
        ask("GET", "/api/projects/", page=1, page_size=30)
        data_manager(reviews, 1 + number // 20)
for number in range(15):
    task = ask("GET", f"/api/projects/{names}/next/")
    if task:
        text = task["data"]["text"]
        ask("POST", f"/api/tasks/{task['id']}/drafts", {"result": span(text, 0, 7, "Person"), "lead_time": 2}, project=names)
        ask("POST", f"/api/tasks/{task['id']}/annotations/", {"result": span(text, 0, 7, "Person") + span(text, text.index("Town"), len(text) - 1, "Place"), "lead_time": 6}, project=names)
    if number % 5 == 0:
        data_manager(names)

shown = {"conjunction": "and", "items": [{"filter": "filter:tasks:completed_at", "operator": "empty", "value": False, "type": "Datetime"}]}
done = ask("POST", "/api/dm/views/", {"project": reviews, "data": {"title": "Done", "ordering": ["-tasks:completed_at"], "filters": shown}})
if done:
    for page in (1, 2):
        ask("GET", "/api/tasks/", view=done["id"], project=reviews, page=page, page_size=20)
ask("POST", "/api/dm/actions/", {"selectedItems": {"all": False, "included": [task["id"] for task in tasks[-5:]]}, "ordering": [], "project": str(reviews),
                                "filters": {"conjunction": "and", "items": []}}, id="delete_tasks", project=reviews)
for kind in ("JSON", "JSON_MIN", "CSV"):
    ask("GET", f"/api/projects/{reviews}/export", exportType=kind)
ask("GET", f"/api/projects/{names}/export", exportType="JSON", download_all_tasks="true")
ask("GET", f"/api/projects/{reviews}/export/formats")
ask("PATCH", f"/api/projects/{reviews}/", {"description": "How customers feel, in three words", "maximum_annotations": 2})
ask("GET", "/api/webhooks/", project=names)
ask("GET", "/api/ml/", project=reviews)
ask("GET", "/api/storages/", project=reviews)
ask("GET", "/api/users/")
ask("GET", "/api/organizations/")
ask("GET", f"/api/organizations/{me['active_organization']}/memberships" if me and me.get("active_organization") else "/api/organizations/1/memberships", page_size=30)
print("asked", reviews, names)
