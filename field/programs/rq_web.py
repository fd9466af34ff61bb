"""A web application that queues RQ's tasks and tells how jobs stand."""

import os
from datetime import timedelta

import rq_tasks
from flask import Flask, jsonify
from redis import Redis
from rq import Callback, Queue, Repeat, Retry
from rq.job import Job

app = Flask(__name__)
connection = Redis.from_url(os.environ["RQ_REDIS_URL"])
high, default, low = (Queue(name, connection=connection) for name in ("high", "default", "low"))
PAGES = os.environ["PAGES_URL"]


@app.post("/sites/<site>")
def site(site):
    """A job for each page of the site, and a report that waits for them."""
    jobs = [default.enqueue(rq_tasks.count_words_at_url, f"{PAGES}/{page}.html", retry=Retry(max=2), on_success=Callback(rq_tasks.done)) for page in range(4)]
    last = low.enqueue(rq_tasks.report, site, depends_on=jobs)
    return jsonify([job.id for job in [*jobs, last]])


@app.post("/news/<int:amount>")
def news(amount):
    """A mail to everybody, queued at once."""
    data = [Queue.prepare_data(rq_tasks.send_mail, (f"person{number}@example.com", "News"), result_ttl=300) for number in range(amount)]
    return jsonify([job.id for job in high.enqueue_many(data)])


@app.post("/people/<person>")
def person(person):
    """A mail now and one later."""
    first = high.enqueue(rq_tasks.send_mail, person, subject="Welcome")
    low.enqueue_in(timedelta(seconds=5), rq_tasks.send_mail, person, "How was it?")
    return jsonify(first.id)


@app.post("/cleaning")
def cleaning():
    return jsonify(low.enqueue(rq_tasks.clean, repeat=Repeat(times=5, interval=8)).id)


@app.get("/jobs/<id>")
def job(id):
    job = Job.fetch(id, connection=connection)
    return jsonify(status=job.get_status().value, result=job.return_value())


@app.get("/jobs")
def jobs():
    found = Job.fetch_many(default.finished_job_registry.get_job_ids(0, 19), connection=connection)
    return jsonify([(job.id, job.func_name, str(job.ended_at)) for job in found if job])


@app.get("/queues")
def queues():
    return jsonify({queue.name: [queue.count, queue.finished_job_registry.count, queue.failed_job_registry.count] for queue in Queue.all(connection=connection)})
