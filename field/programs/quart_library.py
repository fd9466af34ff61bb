"""A library as Quart's tutorials build a site: pages, a session to log in, an API; books in PostgreSQL by Quart-DB, a connection for each request.

    DATABASE_URL=... hypercorn quart_library:app
"""

import os

from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from quart import Quart, abort, g, redirect, render_template_string, request, session
from quart_db import QuartDB

app = Quart(__name__, static_folder="quart_static", static_url_path="/static")
app.secret_key = "a secret"
QuartDB(app, url=os.environ["DATABASE_URL"], migrations_folder=None)
# As OpenTelemetry's documentation has it for Quart.
app.asgi_app = OpenTelemetryMiddleware(app.asgi_app)

TABLES = """CREATE TABLE people (id serial PRIMARY KEY, name text UNIQUE, password text);
CREATE TABLE authors (id serial PRIMARY KEY, name text, born int);
CREATE TABLE books (id serial PRIMARY KEY, title text, pages int, author_id int REFERENCES authors);
CREATE TABLE reviews (id serial PRIMARY KEY, book_id int REFERENCES books ON DELETE CASCADE, person_id int REFERENCES people, stars int, text text);
CREATE INDEX ON books (author_id);
CREATE INDEX ON reviews (book_id);
INSERT INTO people (name, password) SELECT 'person' || n, 'secret' FROM generate_series(1, 20) n;
INSERT INTO authors (name, born) SELECT 'Author ' || n, 1900 + n FROM generate_series(1, 40) n;
INSERT INTO books (title, pages, author_id) SELECT 'Book ' || n, 100 + n, n % 40 + 1 FROM generate_series(1, 300) n;
INSERT INTO reviews (book_id, person_id, stars, text) SELECT n % 300 + 1, n % 20 + 1, n % 5 + 1, 'I liked it.' FROM generate_series(1, 900) n;"""
LIST = '<h1>Books</h1>{% for book in books %}<p><a href="/book/{{ book.id }}">{{ book.title }}</a> {{ book.author }}</p>{% endfor %}'
BOOK = "<h1>{{ book.title }}</h1><p>{{ book.author }}</p>{% for review in reviews %}<p>{{ review.name }}: {{ review.text }}</p>{% endfor %}"


@app.before_serving
async def tables():
    async with app.extensions["QUART_DB"][0].connection() as connection:
        for statement in TABLES.split(";\n"):
            await connection.execute(statement)


def rows(found):
    return [dict(row) for row in found]


def person():
    return session.get("person") or abort(401)


@app.post("/login")
async def login():
    sent = await request.get_json()
    found = await g.connection.fetch_first("SELECT id, password FROM people WHERE name = :name", {"name": sent["name"]})
    if found is None or found["password"] != sent["password"]:
        abort(401)
    session["person"] = found["id"]
    return redirect("/")


async def listed():
    values = {"title": f"%{request.args.get('q', '')}%", "start": 25 * request.args.get("page", 0, int)}
    return rows(await g.connection.fetch_all(
        "SELECT b.id, b.title, a.name AS author FROM books b JOIN authors a ON a.id = b.author_id WHERE b.title ILIKE :title ORDER BY b.title LIMIT 25 OFFSET :start", values,
    ))


async def one(number):
    found = await g.connection.fetch_first("SELECT b.*, a.name AS author FROM books b JOIN authors a ON a.id = b.author_id WHERE b.id = :id", {"id": number})
    return dict(found) if found else abort(404)


async def reviews(number):
    return rows(await g.connection.fetch_all(
        "SELECT r.stars, r.text, p.name FROM reviews r JOIN people p ON p.id = r.person_id WHERE r.book_id = :id ORDER BY r.id", {"id": number},
    ))


@app.get("/")
async def home():
    return await render_template_string(LIST, books=await listed())


@app.get("/book/<int:number>")
async def page(number):
    return await render_template_string(BOOK, book=await one(number), reviews=await reviews(number))


@app.get("/api/books")
async def books():
    return await listed()


@app.get("/api/popular")
async def popular():
    return rows(await g.connection.fetch_all(
        "SELECT b.id, b.title, avg(r.stars)::float AS stars FROM books b JOIN reviews r ON r.book_id = b.id GROUP BY b.id ORDER BY stars DESC, b.id LIMIT 10"
    ))


@app.get("/api/books/<int:number>")
async def book(number):
    return await one(number) | {"reviews": await reviews(number)}


@app.get("/api/authors/<int:number>")
async def author(number):
    found = await g.connection.fetch_first("SELECT * FROM authors WHERE id = :id", {"id": number}) or abort(404)
    return dict(found) | {"books": rows(await g.connection.fetch_all("SELECT id, title, pages FROM books WHERE author_id = :id ORDER BY id", {"id": number}))}


@app.post("/api/books")
async def add():
    person()
    made = await g.connection.fetch_first("INSERT INTO books (title, pages, author_id) VALUES (:title, :pages, :author_id) RETURNING *", await request.get_json())
    return dict(made), 201


@app.put("/api/books/<int:number>")
async def change(number):
    person()
    sent = await request.get_json()
    changed = await g.connection.fetch_first(
        "UPDATE books SET title = :title, pages = :pages, author_id = :author_id WHERE id = :id RETURNING *", sent | {"id": number},
    )
    return dict(changed) if changed else abort(404)


@app.delete("/api/books/<int:number>")
async def remove(number):
    person()
    await g.connection.execute("DELETE FROM books WHERE id = :id", {"id": number})
    return "", 204


@app.post("/api/books/<int:number>/reviews")
async def review(number):
    values = await request.get_json() | {"book": number, "person": person()}
    async with g.connection.transaction():
        made = await g.connection.fetch_first("INSERT INTO reviews (book_id, person_id, stars, text) VALUES (:book, :person, :stars, :text) RETURNING *", values)
    return dict(made), 201
