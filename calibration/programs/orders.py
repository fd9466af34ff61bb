"""SQLite on disk: orders are written in transactions, read by key, and summed up."""

import sqlite3
import tempfile

from tracing import execution, more, step

with tempfile.TemporaryDirectory(dir=".") as folder:
    connection = sqlite3.connect(f"{folder}/orders.sqlite", isolation_level=None)
    connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER, cents INTEGER, note TEXT)")
    connection.execute("CREATE INDEX by_customer ON orders (customer)")
    for batch in range(12):
        with execution("orders.write"):
            with step("INSERT orders"):
                connection.execute("BEGIN")
                for number in range(more(1_000)):
                    row = (number * 7919 % 501, number % 10_000, f"order {batch}-{number}")
                    connection.execute("INSERT INTO orders (customer, cents, note) VALUES (?, ?, ?)", row)
            with step("COMMIT"):
                connection.execute("COMMIT")
    for _ in range(20):
        with execution("orders.read"):
            for number in range(more(300)):
                question = "SELECT cents, note FROM orders WHERE customer = ?"
                found = connection.execute(question, (number * 31 % 501,)).fetchall()
    for _ in range(6):
        with execution("orders.sum"):
            question = "SELECT customer, sum(cents), max(note) FROM orders WHERE id <= ? GROUP BY customer"
            sums = connection.execute(question, (more(10_000),)).fetchall()
    connection.close()
print(len(found), len(sums))
