"""Sells tickets: looks the seats up, holds them, and makes an order of them."""

import logging
import os
import time

import requests
from flask import Flask, request

app = Flask("tickets")
SEATING = os.environ["SEATING_URL"]
TRIES = 8
logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
log = logging.getLogger("tickets")
seating = requests.Session()


def hold(seats):
    for attempt in range(1, TRIES + 1):
        answer = seating.post(f"{SEATING}/holds", json={"seats": seats}, timeout=10)
        if answer.status_code != 503:
            return answer.json()["hold"]
        log.info("hold refused, attempt %d", attempt)
        time.sleep(0.01)
    raise RuntimeError("no hold for these seats")


@app.post("/orders")
def order():
    seats = request.get_json()["seats"]
    price = 0
    for seat in seats:
        price += seating.get(f"{SEATING}/seats/{seat}", timeout=10).json()["price"]
    return {"hold": hold(seats), "cents": price}, 201


@app.get("/prices")
def prices():
    return {"cheapest": 3_900}


if __name__ == "__main__":
    app.run(port=int(os.environ["PORT"]), threaded=True)
