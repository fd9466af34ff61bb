"""Stock: how much there is, what is reserved, and what was picked."""

from flask import request
from service import Database, app, log, operation, serve, work

RESERVED = "CREATE TABLE reserved (basket INTEGER, item INTEGER); CREATE INDEX by_basket ON reserved (basket);"
database = Database("movements", RESERVED)


@app.get("/levels/<int:item>")
@operation("GET /levels/<int:item>", {})
def level(item):
    count = database.sum(item, 6_000) % 50
    work(0.7)
    log.info("item %d has %d pieces", item, count)
    return {"count": count}


@app.post("/reserve")
@operation("POST /reserve", {})
def reserve():
    wanted = request.get_json()
    database.sum(wanted["basket"], 4_000)
    for item in wanted["items"]:
        database.execute("INSERT INTO reserved (basket, item) VALUES (?, ?)", wanted["basket"], item)
    work(1)
    log.info("reserved %d items for basket %d", len(wanted["items"]), wanted["basket"])
    return {"reserved": len(wanted["items"])}


@app.post("/pick")
@operation("POST /pick", {})
def pick():
    basket = request.get_json()["basket"]
    work(0.5)
    database.sum(basket, 3_000)
    database.execute("DELETE FROM reserved WHERE basket = ?", basket)
    log.info("picked basket %d", basket)
    return {"picked": basket}


serve()
