"""A small shop: one page asks the database once per order (N+1), another fails. No tracing code of its own."""

import sqlite3
import sys
import threading

import requests
from flask import Flask
from werkzeug.serving import make_server

app = Flask("shop")
ORDERS = 12


def connect():
    connection = sqlite3.connect(sys.argv[1])
    connection.row_factory = sqlite3.Row
    return connection


def fill():
    connection = connect()
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, customer TEXT)")
    cursor.execute("CREATE TABLE items (order_id INTEGER, name TEXT)")
    # Items of other orders, which each statement reads first: there is no index.
    cursor.executemany("INSERT INTO items VALUES (?, ?)", [(0, "other")] * 20_000)
    for order in range(1, ORDERS + 1):
        cursor.execute("INSERT INTO orders VALUES (?, ?)", (order, f"customer {order}"))
        cursor.execute("INSERT INTO items VALUES (?, ?)", (order, f"item {order}"))
    connection.commit()
    connection.close()


@app.get("/orders")
def orders():
    connection = connect()
    cursor = connection.cursor()
    found = []
    for row in cursor.execute("SELECT id FROM orders").fetchall():
        # One statement per order, as it is written when nobody looks.
        cursor.execute("SELECT name FROM items WHERE order_id = ?", (row["id"],))
        found.append(cursor.fetchone()["name"])
    connection.close()
    return {"items": found}


def price_of(basket):
    return basket["price"]


@app.get("/broken")
def broken():
    return {"price": price_of({"weight": 3})}


def main():
    fill()
    server = make_server("127.0.0.1", 0, app)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    for _ in range(3):
        assert len(requests.get(f"{base}/orders", timeout=30).json()["items"]) == ORDERS
    for _ in range(2):
        assert requests.get(f"{base}/broken", timeout=30).status_code == 500
    server.shutdown()


main()
