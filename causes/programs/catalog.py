"""The catalogue: a page of items with their prices, and one item with its price and stock."""

import requests
from flask import request
from service import Database, app, call, log, operation, serve, work

database = Database("items")


@app.get("/items")
@operation("GET /items", {"items": []})
def items():
    page = request.args.get("page", 0, int)
    rows = database.execute("SELECT id, item FROM items WHERE id > ? LIMIT 12", page * 12)
    prices = call("pricing", "POST", "/prices", {"items": [item for _, item in rows]}).get("cents", [])
    work(2)
    log.info("page %d shows %d items", page, len(prices))
    return {"items": [{"id": row[0], "cents": cents} for row, cents in zip(rows, prices)]}


@app.get("/items/<int:item>")
@operation("GET /items/<int:item>", {})
def item(item):
    database.sum(item, 3_000)
    cents = call("pricing", "GET", f"/prices/{item}").get("cents")
    try:
        count = call("stock", "GET", f"/levels/{item}").get("count", 0)
    except requests.RequestException as error:
        log.warning("stock of item %d is unknown: %s", item, error)
        count = None
    work(1.5)
    log.info("item %d is shown with %s pieces", item, count)
    return {"id": item, "cents": cents, "count": count}


serve()
