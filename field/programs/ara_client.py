"""What ARA's callback sends while Ansible runs playbooks, as its API takes it; and a person's look at reports: ara_client.py URL"""

import json
import os
import random
import subprocess
import sys
import time
import urllib.error
import urllib.request

drawn = random.Random(3)
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(method, path, body=None):
    time.sleep(0.01)
    data = None if body is None else json.dumps(body).encode()
    try:
        with opener.open(urllib.request.Request(f"{sys.argv[1]}/api/v1/{path}", data, {"Content-Type": "application/json"}, method=method), timeout=30) as answer:
            return json.loads(answer.read() or b"{}")
    except urllib.error.HTTPError as error:
        print(method, path, error.code, error.read()[:200])
        return {}


now = lambda: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
for run in range(6):
    playbook = ask("POST", "playbooks", {"name": f"Site {run}", "ansible_version": "2.17", "client_version": "1.8", "server_version": "1.8", "status": "running", "path": f"/srv/site{run % 3}.yml", "labels": ["site", f"run {run}"], "started": now(), "controller": "here", "user": "ann"})["id"]
    files = [ask("POST", "files", {"playbook": playbook, "path": f"/srv/tasks{number}.yml", "content": f"- name: task {number}\n"})["id"] for number in range(3)]
    hosts = [ask("POST", "hosts", {"playbook": playbook, "name": f"host{number}", "facts": {"os": "linux", "number": number}})["id"] for number in range(6)]
    for part in range(2):
        play = ask("POST", "plays", {"playbook": playbook, "name": f"Play {part}", "status": "running", "started": now(), "uuid": "00000000-0000-4000-8000-%012d" % (run * 10 + part)})["id"]
        for number in range(5):
            task = ask("POST", "tasks", {"playbook": playbook, "play": play, "file": files[number % 3], "name": f"Task {number}", "action": "command", "lineno": number + 1, "status": "running", "tags": ["always"], "started": now(), "handler": False})["id"]
            for host in hosts:
                ask("POST", "results", {"playbook": playbook, "play": play, "task": task, "host": host, "status": drawn.choice(["ok", "ok", "ok", "failed", "skipped"]), "started": now(), "ended": now(), "content": {"stdout": "done", "rc": 0}, "changed": bool(number % 2), "ignore_errors": False})
            ask("PATCH", f"tasks/{task}", {"status": "completed", "ended": now()})
        ask("PATCH", f"plays/{play}", {"status": "completed", "ended": now()})
    ask("POST", "records", {"playbook": playbook, "key": "version", "value": str(run), "type": "text"})
    ask("PATCH", f"playbooks/{playbook}", {"status": "completed", "ended": now()})
for turn in range(5):
    for path in ("playbooks?limit=10", "plays", "tasks?limit=20", "hosts", "results?limit=20", "results?status=failed", "files", "latesthosts", "records", "labels", "playbooks?label=site"):
        ask("GET", path)
    for kind in ("playbooks", "plays", "tasks", "hosts", "results", "files"):
        ask("GET", f"{kind}/{drawn.randint(1, 6)}")
pages = ["/", "/hosts", "/tasks", "/results", "/plays", "/playbooks/1.html", "/playbooks/2.html", "/playbooks/3.html", "/admin/api/playbook/"]
subprocess.run([sys.executable, os.environ["PROGRAMS"] + "/look_around.py", sys.argv[1], "--rounds", "4", *pages], check=False)
