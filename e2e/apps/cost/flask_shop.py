"""Serves one route with five statements a request, for measurements. The first argument is the port."""

import logging
import sqlite3
import sys

from flask import Flask

logging.getLogger("werkzeug").setLevel(logging.ERROR)
app = Flask(__name__)
database = sqlite3.connect(":memory:", check_same_thread=False)
database.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, price REAL)")
database.executemany("INSERT INTO items (price) VALUES (?)", [(float(price),) for price in range(1, 101)])


@app.route("/carts/<int:first>")
def cart(first):
    prices = [database.execute("SELECT price FROM items WHERE id = ?", (first + offset,)).fetchone()[0] for offset in range(5)]
    return {"total": sum(prices)}


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(sys.argv[1]), threaded=False)
