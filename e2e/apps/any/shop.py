"""An ordinary Flask application over sqlite3. It knows nothing of tracing."""

import sqlite3

from flask import Flask, jsonify

app = Flask(__name__)
database = sqlite3.connect(":memory:", check_same_thread=False)
database.executescript("create table orders (id integer primary key, name text); insert into orders values (1, 'tea')")


@app.route("/orders/<int:order>")
def show(order):
    row = database.execute("select name from orders where id = ?", (order,)).fetchone()
    return jsonify(name=row[0] if row else None), 200 if row else 404


@app.route("/broken")
def broken():
    return database.cursor().execute("select * from missing").fetchall()
