"""Checkout: takes a basket, reserves and charges it, hands the order to the queue, and empties the basket; tells of orders.

An order replaces the one before it from the same basket, so that there are never more of them than baskets.
"""

import os

from flask import request
from messages import QUEUE, publish
from service import Database, app, call, log, operation, serve, work

os.makedirs(QUEUE, exist_ok=True)
database = Database("customers", "CREATE TABLE orders (basket INTEGER PRIMARY KEY, cents INTEGER, charge TEXT);")


@app.post("/checkout")
@operation("POST /checkout", {"order": 0})
def checkout():
    basket = request.get_json()["basket"]
    taken = call("basket", "POST", f"/baskets/{basket}/take")
    lines = taken.get("lines", [])
    if not lines:
        log.warning("basket %d has no lines", basket)
    call("stock", "POST", "/reserve", {"basket": basket, "items": [line["item"] for line in lines]})
    database.sum(basket, 4_000)
    work(2)
    charge = call("payment", "POST", "/charges", {"basket": basket, "cents": taken.get("cents", 0)})
    values = (basket, taken.get("cents", 0), charge.get("id", ""))
    database.execute("INSERT OR REPLACE INTO orders (basket, cents, charge) VALUES (?, ?, ?)", *values)
    publish({"basket": basket})
    call("basket", "DELETE", f"/baskets/{basket}")
    log.info("order of basket %d over %d cents, charge %s", *values)
    return {"order": basket}


@app.get("/orders/<int:order>")
@operation("GET /orders/<int:order>", {})
def order(order):
    found = database.execute("SELECT cents, charge FROM orders WHERE basket = ? LIMIT 1", order)
    database.sum(order, 3_000)
    charge = call("payment", "GET", f"/charges/{order}")
    shipment = call("dispatch", "GET", f"/shipments/{order}")
    work(1)
    log.info("order %d is %s", order, shipment.get("state", "unknown"))
    return {"order": order, "found": len(found), "charge": charge, "shipment": shipment}


serve()
