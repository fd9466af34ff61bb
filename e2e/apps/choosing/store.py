"""A store whose checkouts ask for each price by itself, and whose import fails at a row without a price.

    store.py day       checkouts, commits and exports
    store.py checkouts checkouts alone
    store.py night     the import, which fails
"""

import hashlib
import sqlite3
import sys

from opentelemetry import trace

CHECKOUTS, COMMITS, EXPORTS, LINES = 20, 8, 22, 25
# Products that nobody buys. There is no index, so that each statement reads them all.
OTHERS = 4_000
JOINED = False

tracer = trace.get_tracer("store")


def traced(name, function, **attributes):
    """A span around a function, with its place in the code."""
    code = function.__code__
    place = {"code.file.path": "store.py", "code.line.number": code.co_firstlineno, "code.function.name": function.__name__}
    with tracer.start_as_current_span(name, attributes={**place, **attributes}):
        return function(*attributes.values())


def fill():
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE product (id INTEGER, price INTEGER)")
    connection.execute("CREATE TABLE revision (id INTEGER PRIMARY KEY, author TEXT)")
    connection.execute("CREATE TABLE head (revision INTEGER)")
    connection.executemany("INSERT INTO product VALUES (?, ?)", [(number, number) for number in range(OTHERS, 0, -1)])
    connection.commit()
    return connection


DATABASE = fill()


def checkout(user):
    cursor = DATABASE.cursor()
    if JOINED:
        cursor.execute("SELECT sum(price) FROM product WHERE id <= ?", (LINES,))
        return cursor.fetchone()[0]
    total = 0
    for product in range(1, LINES + 1):
        cursor.execute("SELECT price FROM product WHERE id = ?", (product,))
        total += cursor.fetchone()[0]
    return total


def commit(author):
    cursor = DATABASE.cursor()
    cursor.execute("INSERT INTO revision (author) VALUES (?)", (author,))
    cursor.execute("UPDATE head SET revision = ?", (cursor.lastrowid,))


def export(rows):
    digest = hashlib.sha256()
    for row in range(rows):
        digest.update(row.to_bytes(8))
    return digest.hexdigest()


def price_of(row):
    if not row[1]:
        raise ValueError(f"row {row[0]} has no price")
    return int(row[1])


def import_products(source):
    return [price_of(row) for row in [(1, "10"), (2, "20"), (3, "")]]


def checkouts():
    for number in range(CHECKOUTS):
        traced("checkout", checkout, **{"user.id": str(number % 10)})


if __name__ == "__main__":
    what = sys.argv[1]
    if what == "night":
        traced("import.products", import_products, source="supplier.csv")
    if what in ("day", "checkouts"):
        checkouts()
    if what == "day":
        for number in range(COMMITS):
            traced("commit", commit, author=f"author {number}")
        for number in range(1, EXPORTS + 1):
            traced("export", export, rows=number * 10_000)
