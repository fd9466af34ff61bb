"""Prices: one, several, and the total of a basket."""

from flask import request
from service import Database, app, log, operation, serve, work

database = Database("offers")


@app.get("/prices/<int:item>")
@operation("GET /prices/<int:item>", {})
def price(item):
    work(1)
    cents = 100 + database.sum(item, 5_000) % 9_000
    log.info("price of item %d is %d cents", item, cents)
    return {"cents": cents}


@app.post("/prices")
@operation("POST /prices", {})
def prices():
    items = request.get_json()["items"]
    work(2)
    base = database.sum(len(items), 8_000)
    log.info("priced %d items", len(items))
    return {"cents": [100 + (base + item * 37) % 9_000 for item in items]}


@app.post("/quote")
@operation("POST /quote", {})
def quote():
    lines = request.get_json()["lines"]
    discount = database.sum(len(lines), 4_000) % 20
    work(1.5)
    total = sum(100 + line["item"] * 37 % 9_000 for line in lines) * (100 - discount) // 100
    log.info("quoted %d cents for %d lines with a discount of %d percent", total, len(lines), discount)
    return {"cents": total}


serve()
