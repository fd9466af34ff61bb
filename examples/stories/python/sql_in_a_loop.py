"""Loads shopping carts from a database.

Fault:  one statement for the cart's lines, then one for the product of each line.
Repair: `--fixed` joins them in one statement.
"""

import sqlite3
import sys

from traced import traced

CARTS, LINES = 10, 25
# Products that no cart has. There is no index, so that each statement reads them all.
OTHERS = 4_000


def fill(connection):
    # Not by a cursor: the instrumentation does not see what `connection.execute` does, only `cursor().execute`.
    connection.execute("CREATE TABLE product (id INTEGER, name TEXT, price INTEGER)")
    connection.execute("CREATE TABLE line (cart_id INTEGER, product_id INTEGER, amount INTEGER)")
    products = [(number, f"product {number}", 100 + number) for number in [*range(LINES, LINES + OTHERS), *range(LINES)]]
    connection.executemany("INSERT INTO product VALUES (?, ?, ?)", products)
    lines = [(cart, product, 1 + product % 3) for cart in range(CARTS) for product in range(LINES)]
    connection.executemany("INSERT INTO line VALUES (?, ?, ?)", lines)
    connection.commit()


@traced("cart.load")
def load_cart(connection, cart, fixed):
    cursor = connection.cursor()
    if fixed:
        cursor.execute(
            "SELECT amount, price FROM line JOIN product ON product.id = line.product_id WHERE cart_id = ?", (cart,)
        )
        return sum(amount * price for amount, price in cursor.fetchall())
    total = 0
    cursor.execute("SELECT product_id, amount FROM line WHERE cart_id = ?", (cart,))
    for product, amount in cursor.fetchall():
        cursor.execute("SELECT price FROM product WHERE id = ?", (product,))
        total += amount * cursor.fetchone()[0]
    return total


def main():
    connection = sqlite3.connect(":memory:")
    fill(connection)
    for cart in range(CARTS):
        print(f"cart {cart}: {load_cart(connection, cart, fixed='--fixed' in sys.argv)}")


main()
