"""Dispatch: takes orders from the queue, has them picked, and tells of shipments and carriers."""

import threading

from messages import consume
from service import Database, app, call, log, operation, serve, work

database = Database("parcels", "CREATE TABLE shipments (basket INTEGER PRIMARY KEY, carrier INTEGER);")


@operation("orders process", None)
def process(order):
    basket = order["basket"]
    call("stock", "POST", "/pick", {"basket": basket})
    work(2)
    carrier = database.sum(basket, 4_000) % 5
    database.execute("INSERT OR REPLACE INTO shipments (basket, carrier) VALUES (?, ?)", basket, carrier)
    log.info("basket %d goes with carrier %d", basket, carrier)


@app.get("/shipments/<int:order>")
@operation("GET /shipments/<int:order>", {})
def shipment(order):
    rows = database.execute("SELECT carrier FROM shipments WHERE basket = ? LIMIT 1", order)
    database.sum(order, 3_000)
    work(1)
    state = "sent" if rows else "waiting"
    log.info("shipment of order %d is %s", order, state)
    return {"state": state}


threading.Thread(target=consume, args=[process], daemon=True).start()
serve()
