"""Books what the branches delivered and closes the day: python nightly.py DATE."""

import logging
import os
import sqlite3
import sys

from opentelemetry import trace

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
log = logging.getLogger("nightly")
tracer = trace.get_tracer("nightly")
TABLES = """
CREATE TABLE IF NOT EXISTS entries (day TEXT, branch TEXT, account TEXT, debit REAL, credit REAL);
CREATE TABLE IF NOT EXISTS closings (day TEXT PRIMARY KEY, debit REAL, credit REAL, CHECK (abs(debit - credit) < 0.01));
"""


def amount_of(text):
    return float(text)


def entry_of(line):
    account, side, text = line.strip().split(";")
    amount = amount_of(text)
    return account, amount if side == "debit" else 0.0, amount if side == "credit" else 0.0


def load_feed(cursor, day, branch):
    path = f"feeds/{day}/{branch}.csv"
    with tracer.start_as_current_span("load feed", attributes={"feed.branch": branch}) as span, open(path) as file:
        span.set_attribute("feed.exporter", file.readline().split()[1])
        rows, skipped = [], 0
        for line in file:
            try:
                rows.append((day, branch, *entry_of(line)))
            except ValueError as error:
                if not skipped:
                    span.record_exception(error)
                skipped += 1
        span.set_attribute("feed.rows", len(rows))
        cursor.executemany("INSERT INTO entries VALUES (?, ?, ?, ?, ?)", rows)
        log.info("%s: %d rows, %d skipped", branch, len(rows), skipped)
    os.remove(path)


def close_day(cursor, day):
    with tracer.start_as_current_span("close day"):
        cursor.execute("SELECT sum(debit), sum(credit) FROM entries WHERE day = ?", (day,))
        debit, credit = cursor.fetchone()
        cursor.execute("INSERT INTO closings VALUES (?, ?, ?)", (day, debit, credit))


def main(day):
    database = sqlite3.connect("ledger.sqlite")
    database.executescript(TABLES)
    with tracer.start_as_current_span("nightly closing", attributes={"ledger.day": day}):
        cursor = database.cursor()
        for name in sorted(os.listdir(f"feeds/{day}")):
            load_feed(cursor, day, name.removesuffix(".csv"))
        close_day(cursor, day)
        database.commit()


main(sys.argv[1])
