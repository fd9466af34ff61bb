"""Somebody watches queues in rq-dashboard: its pages and the data that they ask for again and again. rq_dashboard_day.py URL"""

import re
import sys

from any_day import Asker

asker = Asker(sys.argv[1])
for turn in range(12):
    for path in ("/", "/0/view/queues", "/0/view/workers", "/0/view/jobs", "/0/data/queues.json", "/0/data/workers.json", "/rq-instances.json"):
        asker.ask("GET", path)
    for queue in ("mails", "low", "reports"):
        for state in ("queued", "failed", "finished", "scheduled", "deferred", "started"):
            asker.ask("GET", f"/0/view/jobs/{queue}/{state}/8/asc/1")
            data = asker.ask("GET", f"/0/data/jobs/{queue}/{state}/8/asc/1.json")
            for job in re.findall(r'"id":\s*"([0-9a-f-]{36})"', data)[:1]:
                asker.ask("GET", f"/0/view/job/{job}")
                asker.ask("GET", f"/0/data/job/{job}.json")
asker.ask("POST", "/queue/mails/empty", b"")
asker.ask("POST", "/requeue-all/low", b"")
asker.ask("POST", "/queue/reports/compact", b"")
