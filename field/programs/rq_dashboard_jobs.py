"""Jobs of a shop in three queues of RQ, some of which fail: rq_dashboard_jobs.py"""

from datetime import timedelta

from rq import Queue

import rq_tasks

for n in range(40):
    Queue("mails", connection=rq_tasks.connection).enqueue(rq_tasks.send_mail, f"person{n}@example.com", f"News {n}")
    if n % 4 == 0:
        Queue("low", connection=rq_tasks.connection).enqueue(rq_tasks.count_words_at_url, "http://127.0.0.1:1/gone")
    if n % 5 == 0:
        Queue("reports", connection=rq_tasks.connection).enqueue(rq_tasks.report, f"Report {n}")
        Queue("reports", connection=rq_tasks.connection).enqueue_in(timedelta(hours=1), rq_tasks.report, f"Later {n}")
