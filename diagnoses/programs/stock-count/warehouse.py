"""A warehouse: what is picked, what is on the shelves, and what was counted there."""

import os
import sqlite3
from contextlib import contextmanager

import requests
from flask import Flask, request

app = Flask("warehouse")
DATABASE = os.path.join(os.environ["DATA"], "warehouse.sqlite")
PRINTER = os.environ["PRINTER_URL"]


def connect():
    return sqlite3.connect(DATABASE, isolation_level=None, timeout=20)


def fill():
    connection = connect()
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE shelves (id INTEGER PRIMARY KEY, pieces INTEGER)")
    connection.execute("CREATE TABLE picks (shelf INTEGER, pieces INTEGER)")
    connection.executemany("INSERT INTO shelves VALUES (?, ?)", [(number, 500) for number in range(300)])
    connection.close()


@contextmanager
def transaction():
    connection = connect()
    cursor = connection.cursor()
    cursor.execute("BEGIN IMMEDIATE")
    try:
        yield cursor
        cursor.execute("COMMIT")
    finally:
        connection.close()


@app.post("/picks")
def pick():
    wanted = request.get_json()
    with transaction() as cursor:
        cursor.execute("UPDATE shelves SET pieces = pieces - ? WHERE id = ?", (wanted["pieces"], wanted["shelf"]))
        cursor.execute("INSERT INTO picks VALUES (?, ?)", (wanted["shelf"], wanted["pieces"]))
    return {"picked": wanted["pieces"]}


@app.get("/shelves/<int:shelf>")
def shelf(shelf):
    connection = connect()
    cursor = connection.cursor()
    cursor.execute("SELECT pieces FROM shelves WHERE id = ?", (shelf,))
    pieces = cursor.fetchone()[0]
    connection.close()
    return {"shelf": shelf, "pieces": pieces}


@app.post("/counts")
def count():
    counted = request.get_json()
    with transaction() as cursor:
        cursor.execute("UPDATE shelves SET pieces = ? WHERE id = ?", (counted["pieces"], counted["shelf"]))
        requests.post(f"{PRINTER}/labels", json=counted, timeout=10).raise_for_status()
    return {"counted": counted["pieces"]}


if __name__ == "__main__":
    fill()
    app.run(port=int(os.environ["PORT"]), threaded=True)
