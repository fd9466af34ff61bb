"""Orders of a small shop: Flask and sqlite3, and nothing of Kinescope."""

import sqlite3
import time

from flask import Flask, jsonify

app = Flask(__name__)


def connect():
    database = sqlite3.connect(":memory:", check_same_thread=False)
    # A database on another machine takes its time; this one is asked to.
    database.create_function("remote", 1, lambda value: time.sleep(0.002) or value)
    database.execute("create table orders (id integer primary key, customer text)")
    database.execute("create table items (order_id integer, name text)")
    database.executemany("insert into orders values (?, ?)", [(order, f"customer {order % 3}") for order in range(30)])
    database.executemany("insert into items values (?, ?)", [(order, f"item {order}") for order in range(30)])
    return database


database = connect()


@app.get("/orders")
def orders():
    listed = []
    for (order,) in database.execute("select id from orders"):
        items = database.execute("select remote(name) from items where order_id = ?", (order,)).fetchall()
        listed.append({"id": order, "items": [name for (name,) in items]})
    return jsonify(listed)


@app.get("/orders/<int:order>")
def one(order):
    row = database.execute("select customer from orders where id = ?", (order,)).fetchone()
    return jsonify({"customer": row[0]})
