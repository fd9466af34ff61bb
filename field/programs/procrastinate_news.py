"""A news site whose mails, feeds and reports are tasks of Procrastinate, as its how-to guides have them, and its web server.

`app` is what the worker runs; `web` is a Flask application that defers, `python procrastinate_news.py` fills the tables.
"""

import os

import aiohttp
import flask
import procrastinate
import psycopg
import psycopg.rows
import psycopg_pool

DATABASE = os.environ["DATABASE_URL"]
PAGES = os.environ["PAGES_URL"]
app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=DATABASE))


async def rows(statement, *values):
    async with await psycopg.AsyncConnection.connect(DATABASE, autocommit=True, row_factory=psycopg.rows.dict_row) as connection:
        cursor = await connection.execute(statement, values)
        return await cursor.fetchall() if cursor.description else []


@app.task(queue="mails", retry=3)
async def send_mail(article_id, reader_id):
    [found] = await rows("SELECT a.title, r.address FROM articles a, readers r WHERE a.id = %s AND r.id = %s", article_id, reader_id)
    await rows("INSERT INTO mails (address, subject) VALUES (%s, %s)", found["address"], found["title"])


@app.task(queue="mails")
async def tell_readers(article_id):
    """A mail to each reader of the article's topic, deferred at once."""
    readers = await rows("SELECT r.id FROM readers r JOIN articles a ON a.topic = r.topic WHERE a.id = %s", article_id)
    await send_mail.batch_defer_async(*[{"article_id": article_id, "reader_id": reader["id"]} for reader in readers])


@app.task(queue="feeds", retry=procrastinate.RetryStrategy(max_attempts=3, wait=1), pass_context=True)
async def read_feed(context, feed_id):
    [feed] = await rows("SELECT * FROM feeds WHERE id = %s", feed_id)
    async with aiohttp.ClientSession() as session, session.get(f"{PAGES}/{feed['path']}") as answer:
        answer.raise_for_status()
        words = len((await answer.text()).split())
    await rows("UPDATE feeds SET words = %s, read_at = now() WHERE id = %s", words, feed_id)


@app.task(queue="counts", pass_context=True)
async def count_topic(context, topic):
    """Deferred with a lock, so that a topic is counted by one worker at a time."""
    [found] = await rows("SELECT count(*) AS amount FROM articles WHERE topic = %s", topic)
    await rows("INSERT INTO topics VALUES (%s, %s) ON CONFLICT (topic) DO UPDATE SET amount = excluded.amount", topic, found["amount"])


@app.periodic(cron="* * * * * */10")
@app.task(queue="feeds", queueing_lock="read_feeds")
async def read_feeds(timestamp):
    due = await rows("SELECT id FROM feeds ORDER BY read_at NULLS FIRST LIMIT 4")
    for feed in due:
        await read_feed.defer_async(feed_id=feed["id"])


@app.periodic(cron="* * * * * */20")
@app.task(queue="reports", pass_context=True)
async def clean(context, timestamp):
    await procrastinate.builtin_tasks.remove_old_jobs(context, max_hours=1, remove_failed=True)


def web():
    app.open()
    pool = psycopg_pool.ConnectionPool(DATABASE, kwargs={"autocommit": True, "row_factory": psycopg.rows.dict_row}, open=True)
    site = flask.Flask(__name__)

    @site.get("/")
    def front():
        with pool.connection() as connection:
            return {"articles": connection.execute("SELECT id, title, topic FROM articles ORDER BY id DESC LIMIT 20").fetchall(),
                    "topics": connection.execute("SELECT * FROM topics").fetchall()}

    @site.get("/articles/<int:article>")
    def article(article):
        with pool.connection() as connection:
            return connection.execute("SELECT * FROM articles WHERE id = %s", [article]).fetchone()

    @site.post("/articles")
    def publish():
        form = flask.request.form
        with pool.connection() as connection:
            made = connection.execute("INSERT INTO articles (title, topic) VALUES (%s, %s) RETURNING id", [form["title"], form["topic"]]).fetchone()
        tell_readers.configure(priority=5).defer(article_id=made["id"])
        try:
            count_topic.configure(lock=form["topic"], queueing_lock=form["topic"], schedule_in={"seconds": 2}).defer(topic=form["topic"])
        except procrastinate.exceptions.AlreadyEnqueued:
            pass
        return made

    @site.get("/jobs")
    def jobs():
        found = app.job_manager.list_jobs(status="todo")
        return {"todo": len(list(found)), "queues": list(app.job_manager.list_queues())}

    return site


if __name__ == "__main__":
    with psycopg.connect(DATABASE) as connection:
        connection.execute("""CREATE TABLE articles (id serial PRIMARY KEY, title text, topic text);
            CREATE TABLE readers (id serial PRIMARY KEY, address text, topic text);
            CREATE TABLE feeds (id serial PRIMARY KEY, path text, words int, read_at timestamptz);
            CREATE TABLE mails (id serial PRIMARY KEY, address text, subject text);
            CREATE TABLE topics (topic text PRIMARY KEY, amount int)""")
        cursor = connection.cursor()
        cursor.executemany("INSERT INTO articles (title, topic) VALUES (%s, %s)", [(f"Article {n}", f"topic {n % 8}") for n in range(120)])
        cursor.executemany("INSERT INTO readers (address, topic) VALUES (%s, %s)", [(f"reader{n}@example.com", f"topic {n % 8}") for n in range(80)])
        cursor.executemany("INSERT INTO feeds (path) VALUES (%s)", [(f"{n % 5}.html",) for n in range(20)])
