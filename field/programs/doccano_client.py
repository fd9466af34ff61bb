"""Two doccano projects, over the API that its page asks: texts imported, labelled one after the other by two people, counted and exported.

    doccano_client.py URL
"""

import http.cookiejar
import json
import random
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

base = sys.argv[1]
chance = random.Random(5)


class Person:
    def __init__(self, name, password):
        self.jar = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self.jar))
        self.ask("auth/login/", {"username": name, "password": password})
        self.me = self.ask("me")

    def ask(self, path, body=None, method=None, kind="application/json"):
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": kind, "Accept": "application/json, */*", "X-CSRFToken": next((it.value for it in self.jar if it.name == "csrftoken"), "")}
        time.sleep(0.05)
        try:
            with self.opener.open(urllib.request.Request(f"{base}/v1/{path}", data, headers, method=method), timeout=60) as answer:
                text = answer.read()
                return json.loads(text) if "json" in answer.headers.get("Content-Type", "") and text else text
        except urllib.error.HTTPError as error:
            print(method, path, error.code, error.read()[:200])
            return {}

    def upload(self, text):
        edge = uuid.uuid4().hex
        body = f'--{edge}\r\nContent-Disposition: form-data; name="filepond"\r\n\r\n{{}}\r\n--{edge}\r\nContent-Disposition: form-data; name="filepond"; filename="texts.txt"\r\n'
        body += f"Content-Type: text/plain\r\n\r\n{text}\r\n--{edge}--\r\n"
        answer = self.ask("fp/process/", body.encode(), kind=f"multipart/form-data; boundary={edge}")
        return answer.decode() if isinstance(answer, bytes) else answer

    def wait(self, task):
        for _ in range(40):
            if self.ask(f"tasks/status/{task}").get("ready"):
                return
            time.sleep(1)
        print("not ready", task)


admin = Person("admin", "password")
admin.ask("users/create", {"username": "ben", "password1": "long-secret-1", "password2": "long-secret-1"})
ben = Person("ben", "long-secret-1")
roles = {role["name"]: role["id"] for role in admin.ask("roles")}
subjects, feelings = ["The film", "The book", "Our trip", "The meal", "This phone"], ["was great", "was dull", "took too long", "made us happy"]
kinds = [("DocumentClassification", "TextClassificationProject", "category"), ("SequenceLabeling", "SequenceLabelingProject", "span")]
for kind, resource, label in kinds:
    project = admin.ask("projects", {"name": kind, "description": "Texts", "guideline": "Read.", "project_type": kind, "resourcetype": resource, "random_order": False,
                                     "collaborative_annotation": True, "single_class_classification": False, "allow_overlapping": False, "grapheme_mode": False,
                                     "use_relation": False, "tags": [{"text": "field"}]})
    home = f"projects/{project['id']}"
    admin.ask(f"{home}/members", {"user": ben.me["id"], "role": roles["annotator"]})
    types = [admin.ask(f"{home}/{label}-types", {"text": text, "suffix_key": text[0], "background_color": "#209cee", "text_color": "#ffffff"}) for text in ("good", "bad", "neutral")]
    admin.ask(f"{home}/catalog")
    lines = [f"{chance.choice(subjects)} {chance.choice(feelings)}, number {n}." for n in range(150)]
    upload = admin.upload("\n".join(lines))
    task = admin.ask(f"{home}/upload", {"format": "TextLine", "uploadIds": [upload], "task": kind, "encoding": "utf_8", "column_data": "text", "column_label": "label", "delimiter": ""})
    admin.wait(task["task_id"])
    admin.ask(f"{home}/examples?limit=10&offset=0")
    admin.ask(f"{home}/examples?limit=50&offset=50&q=film")
    for person, first in ((admin, 0), (ben, 40)):
        person.ask(f"{home}/my-role")
        person.ask(home)
        person.ask(f"{home}/{label}-types")
        for offset in range(first, first + 25):
            found = person.ask(f"{home}/examples?limit=1&offset={offset}&q=&confirmed=&ordering=")
            if not found.get("results"):
                break
            example = found["results"][0]
            things = f"{home}/examples/{example['id']}/" + ("categories" if label == "category" else "spans")
            person.ask(things)
            body = {"label": chance.choice(types)["id"]}
            if label == "span":
                body |= {"start_offset": 0, "end_offset": example["text"].index(" ", 4)}
            person.ask(things, body)
            person.ask(things)
            person.ask(f"{home}/comments?example={example['id']}&limit=100")
            if offset % 6 == 0:
                person.ask(f"{home}/comments?example={example['id']}", {"text": "I am not sure."})
            person.ask(f"{home}/examples/{example['id']}/states", {})
            person.ask(f"{home}/metrics/progress")
    for path in ("metrics/progress", "metrics/member-progress", f"metrics/{label}-distribution", "members", "examples?limit=100&offset=0", "comments?limit=10&offset=0"):
        admin.ask(f"{home}/{path}")
    admin.ask(f"{home}/download-format")
    task = admin.ask(f"{home}/download", {"format": "JSONL", "exportApproved": False})
    admin.wait(task["task_id"])
    print(len(admin.ask(f"{home}/download?taskId={task['task_id']}")), "bytes exported")
for person in (admin, ben):
    person.ask("projects?limit=10&offset=0&q=")
