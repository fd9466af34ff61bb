"""Appointments of hair salons that belong to chains: free slots, bookings and a report of the month."""

import os
import time

from flask import Flask, g, request
from opentelemetry import trace
from sqlalchemy import create_engine, text
from sqlalchemy.pool import QueuePool

app = Flask("salons")
DATABASE = os.path.join(os.environ["DATA"], "salons.sqlite")
engine = create_engine(
    f"sqlite:///{DATABASE}",
    poolclass=QueuePool, pool_size=2, max_overflow=0, pool_timeout=20,
    connect_args={"check_same_thread": False},
)
SALONS_OF = {"aurora": range(0, 10), "kamm": range(10, 18), "lindqvist": range(18, 24), "schnitt": range(24, 40)}


def fill():
    with engine.connect() as connection:
        connection.execute(text("PRAGMA journal_mode = WAL"))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE bookings (salon INTEGER, day INTEGER, customer TEXT, cents INTEGER)"))
        for chain, salons in SALONS_OF.items():
            rows = 1_000 if chain == "lindqvist" else 30
            for salon in salons:
                values = [{"salon": salon, "day": n % 30, "customer": f"c{n}", "cents": 2_000 + n} for n in range(rows)]
                connection.execute(text("INSERT INTO bookings VALUES (:salon, :day, :customer, :cents)"), values)
        connection.execute(text("CREATE INDEX by_salon ON bookings (salon, day)"))


@app.before_request
def who():
    g.chain = request.headers.get("X-Chain", "")
    trace.get_current_span().set_attribute("app.chain", g.chain)


@app.get("/salons/<int:salon>/slots")
def slots(salon):
    with engine.connect() as connection:
        day = request.args.get("day", 0, int)
        taken = connection.execute(
            text("SELECT count(*) FROM bookings WHERE salon = :salon AND day = :day"), {"salon": salon, "day": day}
        ).scalar_one()
    return {"salon": salon, "free": max(0, 60 - taken)}


@app.post("/salons/<int:salon>/bookings")
def book(salon):
    with engine.begin() as connection:
        values = {"salon": salon, "day": 3, "customer": "new", "cents": 4_500}
        connection.execute(text("INSERT INTO bookings VALUES (:salon, :day, :customer, :cents)"), values)
    return {"booked": True}


@app.get("/salons/<int:salon>/report")
def report(salon):
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT day, customer, cents FROM bookings WHERE salon = :salon ORDER BY day"), {"salon": salon}
        )
        pages = [page(number, line) for number, line in enumerate(rows)]
    return {"salon": salon, "pages": len(pages)}


def page(number, line):
    # The layout engine works in another process, some rows at a time.
    if number % 20 == 19:
        time.sleep(0.01)
    return f"{line.day:02} {line.customer} {line.cents / 100:.2f}"


if __name__ == "__main__":
    fill()
    app.run(port=int(os.environ["PORT"]), threaded=True)
