"""The tasks of RQ's documentation: counting words of pages, reports that depend on them, mails, a cleaning."""

import os
import time

import requests
from redis import Redis
from rq import get_current_job

connection = Redis.from_url(os.environ["RQ_REDIS_URL"])


def count_words_at_url(url):
    return len(requests.get(url, timeout=10).text.split())


def report(title):
    """Adds up what the jobs that it depends on have counted."""
    job = get_current_job()
    amounts = [dependency.return_value() for dependency in job.fetch_dependencies()]
    job.meta["title"] = title
    job.save_meta()
    connection.hset("reports", title, sum(amount or 0 for amount in amounts))
    return sum(amount or 0 for amount in amounts)


def send_mail(receiver, subject):
    time.sleep(0.05)
    connection.rpush(f"mails:{receiver}", subject)
    return subject


def clean():
    for key in connection.scan_iter("mails:*"):
        connection.ltrim(key, -20, -1)


def done(job, connection, result):
    connection.incr("done")
