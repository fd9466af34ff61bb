"""A small service on APScheduler as its user guide shows it: jobs kept in PostgreSQL and Redis, asked for over Flask.

    apscheduler_news.py DATABASE-PORT REDIS-PORT PAGES-PORT PORT

Sites are fetched at intervals and what came is written down, a digest is made by the clock, and people ask to be reminded.
"""

import sys
from datetime import datetime, timedelta

import requests
from apscheduler.jobstores.base import JobLookupError
from apscheduler.jobstores.redis import RedisJobStore
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from flask import Flask, jsonify, request
from sqlalchemy import create_engine, text

database, store, pages, port = sys.argv[1:]
engine = create_engine(f"postgresql+psycopg2://field@127.0.0.1:{database}/field")
scheduler = BackgroundScheduler(
    jobstores={"default": SQLAlchemyJobStore(engine=engine), "reminders": RedisJobStore(host="127.0.0.1", port=int(store))},
    job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": 30}, timezone="UTC",
)
app = Flask(__name__)


def fetch(site):
    answer = requests.get(f"http://127.0.0.1:{pages}/{site % 4}.html", timeout=5)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO readings (site, status, words, at) VALUES (:site, :status, :words, now())"),
                           {"site": site, "status": answer.status_code, "words": len(answer.text.split())})


def digest():
    with engine.begin() as connection:
        rows = connection.execute(text("SELECT site, count(*), max(words) FROM readings GROUP BY site ORDER BY site")).all()
        connection.execute(text("INSERT INTO digests (sites, at) VALUES (:sites, now())"), {"sites": len(rows)})


def remind(person, words):
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO reminded (person, words, at) VALUES (:person, :words, now())"), {"person": person, "words": words})


def shown(job):
    return {"id": job.id, "trigger": str(job.trigger), "next": str(job.next_run_time)}


@app.get("/jobs")
def jobs():
    return jsonify([shown(job) for job in scheduler.get_jobs()])


@app.get("/jobs/<job_id>")
def one(job_id):
    job = scheduler.get_job(job_id)
    return (jsonify(shown(job)), 200) if job else ("", 404)


@app.post("/sites")
def add_site():
    asked = request.get_json()
    job = scheduler.add_job(fetch, "interval", seconds=asked["seconds"], args=[asked["site"]], id=f"site-{asked['site']}", replace_existing=True, jitter=1)
    return jsonify(shown(job)), 201


@app.put("/jobs/<job_id>")
def change(job_id):
    return jsonify(shown(scheduler.reschedule_job(job_id, trigger="interval", seconds=request.get_json()["seconds"])))


@app.post("/jobs/<job_id>/<action>")
def act(job_id, action):
    (scheduler.pause_job if action == "pause" else scheduler.resume_job)(job_id)
    return "", 204


@app.delete("/jobs/<job_id>")
def remove(job_id):
    try:
        scheduler.remove_job(job_id)
    except JobLookupError:
        return "", 404
    return "", 204


@app.post("/reminders")
def add_reminder():
    asked = request.get_json()
    when = datetime.utcnow() + timedelta(seconds=asked["in"])
    job = scheduler.add_job(remind, "date", run_date=when, args=[asked["person"], asked["words"]], jobstore="reminders")
    return jsonify(shown(job)), 201


@app.get("/readings")
def readings():
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT id, site, status, words, at FROM readings ORDER BY id DESC LIMIT 50")).all()
    return jsonify([list(row) for row in rows])


def main():
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE readings (id serial PRIMARY KEY, site integer, status integer, words integer, at timestamptz)"))
        connection.execute(text("CREATE TABLE digests (id serial PRIMARY KEY, sites integer, at timestamptz)"))
        connection.execute(text("CREATE TABLE reminded (id serial PRIMARY KEY, person text, words text, at timestamptz)"))
    scheduler.start()
    scheduler.add_job(digest, "cron", second="*/20", id="digest", replace_existing=True)
    app.run(port=int(port), threaded=True)


if __name__ == "__main__":
    # Jobs are kept by the name of their module, so it needs one that can be imported.
    import apscheduler_news
    apscheduler_news.main()
