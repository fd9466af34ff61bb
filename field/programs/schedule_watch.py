"""Watches a shop's prices every second for a while, by schedule: schedule_watch.py URL"""

import sqlite3
import sys
import time

import requests
import schedule

db = sqlite3.connect("prices.db")
db.execute("CREATE TABLE IF NOT EXISTS prices (product INTEGER, price INTEGER, at TEXT DEFAULT CURRENT_TIMESTAMP)")
session = requests.Session()


def prices():
    for number in (3, 7, 12, 20, 59):
        answer = session.get(f"{sys.argv[1]}/products/{number}", timeout=5)
        if answer.status_code == 404:
            continue
        with db:
            db.execute("INSERT INTO prices (product, price) VALUES (?, ?)", (number, answer.json()["price"]))


def report():
    for row in db.execute("SELECT product, min(price), max(price) FROM prices GROUP BY product"):
        print(*row)


schedule.every(1).seconds.do(prices)
schedule.every(4).seconds.do(report)
schedule.every(9).seconds.do(lambda: db.execute("DELETE FROM prices WHERE at < datetime('now', '-1 day')"))
until = time.monotonic() + 14
while time.monotonic() < until:
    schedule.run_pending()
    time.sleep(0.1)
