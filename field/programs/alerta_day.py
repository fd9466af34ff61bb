"""Alerts of a datacentre's servers in Alerta: sent, repeated, acknowledged, commented, counted, searched, cleared. alerta_day.py URL"""

import random
import sys

from any_day import Asker

asker = Asker(sys.argv[1])
drawn = random.Random(5)
ids = []
for n in range(150):
    answer = asker.json("POST", "/alert", {"resource": f"web{n % 20}", "event": ["DiskFull", "NodeDown", "HttpError", "SlowResponse"][n % 4], "environment": ["Production", "Development"][n % 2],
                        "severity": drawn.choice(["critical", "major", "minor", "warning", "normal"]), "service": [f"shop{n % 3}"], "group": "Web", "value": str(n),
                        "text": f"Reading {n}", "tags": [f"rack={n % 5}"], "attributes": {"region": "EU"}, "origin": f"agent{n % 6}"})
    if answer.get("id") and answer["id"] not in ids:
        ids.append(answer["id"])
print(len(ids), "alerts")
asker.json("POST", "/blackout", {"environment": "Production", "service": ["shop9"], "duration": 600})
for n in range(6):
    asker.json("POST", "/heartbeat", {"origin": f"agent{n}", "tags": ["probe"], "timeout": 120})
for turn in range(12):
    for path in ("/alerts?status=open&page-size=50", "/alerts?environment=Production&sort-by=severity", f"/alerts?q=resource:web{turn}", "/alerts/count", "/alerts/top10/count", "/alerts/top10/flapping",
                 "/alerts/top10/standing", "/alerts/history?limit=50", "/environments", "/services", "/alerts/tags", "/alerts/groups", "/heartbeats", "/blackouts", "/config", "/management/status", "/management/healthcheck", "/"):
        asker.ask("GET", path)
    for alert in drawn.sample(ids, min(3, len(ids))):
        asker.ask("GET", f"/alert/{alert}")
        asker.ask("PUT", f"/alert/{alert}/action", {"action": drawn.choice(["ack", "close", "open", "shelve"]), "text": "seen"})
        asker.ask("PUT", f"/alert/{alert}/note", {"text": f"Note {turn}"})
        asker.ask("GET", f"/alert/{alert}/notes")
        asker.ask("PUT", f"/alert/{alert}/tag", {"tags": [f"turn={turn}"]})
        asker.ask("PUT", f"/alert/{alert}/attributes", {"attributes": {"turn": str(turn)}})
    asker.ask("GET", f"/alert/{'0' * 8}-0000-0000-0000-{'0' * 12}")
asker.ask("DELETE", f"/alert/{ids[0]}" if ids else "/alert/0")
