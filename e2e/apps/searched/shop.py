"""An ordinary application: routes, statements, and nothing that says where in the code they are."""

import sqlite3

from flask import Blueprint, Flask

app = Flask(__name__)
orders = Blueprint("orders", __name__, url_prefix="/orders")


def connect():
    found = sqlite3.connect("shop.db")
    found.execute("CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, state TEXT)")
    return found


@app.get("/health")
def health():
    return "well"


@orders.get("/<int:order_id>")
def one(order_id):
    cursor = connect().cursor()
    cursor.execute(
        "SELECT id, state FROM orders "
        "WHERE id = ? AND state <> ?",
        (order_id, "gone"),
    )
    for table in ("orders", "lines"):
        composed = f"SELECT count(*) AS {table} FROM sqlite_master WHERE name = ? AND type = ?"
        cursor.execute(composed, (table, "table"))
    return {"order": cursor.fetchall()}


app.register_blueprint(orders)
