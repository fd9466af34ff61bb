"""Members' pages with a log-in on Flask and SQLite: flask_members.py login|limiter|session|caching PORT [REDIS-PORT]

The first by Flask-Login; the others add limits, sessions on a server, or cached pages in Redis, as their introductions show.
"""

import sqlite3
import sys

from flask import Flask, abort, g, redirect, request, session
from werkzeug.security import check_password_hash, generate_password_hash

kind, port, *store = sys.argv[1:]
app = Flask(__name__)
app.secret_key = "members"


def db():
    if "db" not in g:
        g.db = sqlite3.connect("members.db")
        g.db.row_factory = sqlite3.Row
    return g.db


@app.teardown_appcontext
def close(error):
    if "db" in g:
        g.pop("db").close()


with sqlite3.connect("members.db") as made:
    made.executescript("DROP TABLE IF EXISTS members; DROP TABLE IF EXISTS notes; CREATE TABLE members (id INTEGER PRIMARY KEY, name TEXT UNIQUE, password TEXT); CREATE TABLE notes (id INTEGER PRIMARY KEY, member INTEGER, text TEXT)")
    password = generate_password_hash("secret", "pbkdf2:sha256:1000")
    made.executemany("INSERT INTO members (name, password) VALUES (?, ?)", [(f"member{n}", password) for n in range(1, 101)])
    made.executemany("INSERT INTO notes (member, text) VALUES (?, ?)", [(1 + n % 100, f"Note {n}") for n in range(400)])


def member(number):
    return db().execute("SELECT * FROM members WHERE id = ?", (number,)).fetchone()


def same(function):
    return function


limit = cached = lambda *arguments, **options: same
if kind == "login":
    from flask_login import LoginManager, UserMixin, current_user, login_required, login_user, logout_user

    manager = LoginManager(app)

    class User(UserMixin):
        def __init__(self, row):
            self.id, self.name = str(row["id"]), row["name"]

    @manager.user_loader
    def load_user(number):
        row = member(number)
        return User(row) if row else None

    enter, leave, me = lambda row: login_user(User(row)), logout_user, lambda: int(current_user.id)
else:
    def enter(row):
        session["member"] = row["id"]

    def leave():
        session.pop("member", None)

    def me():
        return session["member"]

    def login_required(function):
        def checked(*arguments, **options):
            return function(*arguments, **options) if "member" in session else abort(401)

        checked.__name__ = function.__name__
        return checked

if kind == "limiter":
    from flask_limiter import Limiter
    from flask_limiter.util import get_remote_address

    limiter = Limiter(get_remote_address, app=app, default_limits=["2000 per hour"], storage_uri=f"redis://127.0.0.1:{store[0]}")
    limit = limiter.limit
if kind == "session":
    from flask_session import Session
    from redis import Redis

    app.config.update(SESSION_TYPE="redis", SESSION_REDIS=Redis(port=int(store[0])))
    Session(app)
if kind == "caching":
    from flask_caching import Cache

    cache = Cache(app, config={"CACHE_TYPE": "RedisCache", "CACHE_REDIS_PORT": int(store[0]), "CACHE_DEFAULT_TIMEOUT": 300})
    cached = cache.cached


@app.post("/login")
@limit("30 per minute")
def login():
    row = db().execute("SELECT * FROM members WHERE name = ?", (request.form["name"],)).fetchone()
    if not row or not check_password_hash(row["password"], request.form["password"]):
        abort(403)
    enter(row)
    return redirect("/notes")


@app.get("/logout")
def logout():
    leave()
    return "bye"


@app.get("/notes")
@login_required
def notes():
    return {"notes": [row["text"] for row in db().execute("SELECT text FROM notes WHERE member = ? ORDER BY id DESC LIMIT 20", (me(),))]}


@app.post("/notes")
@login_required
def add():
    db().execute("INSERT INTO notes (member, text) VALUES (?, ?)", (me(), request.form["text"]))
    db().commit()
    if kind == "caching":
        cache.delete("view//members")
    return redirect("/notes")


@app.get("/members")
@cached(timeout=60)
def members():
    return {"members": [dict(row) for row in db().execute("SELECT m.id, m.name, count(n.id) AS notes FROM members m LEFT JOIN notes n ON n.member = m.id GROUP BY m.id LIMIT 50")]}


@app.get("/members/<int:number>")
@cached(timeout=60)
@limit("60 per minute")
def one(number):
    row = member(number) or abort(404)
    return {"name": row["name"], "notes": db().execute("SELECT count(*) FROM notes WHERE member = ?", (number,)).fetchone()[0]}


app.run(port=int(port))
