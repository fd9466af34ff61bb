"""Tells prices in the customer's currency, with a cache before the slow price service.

Fault:  the cache's key is the product alone, so that whoever asks first decides the currency for all.
Repair: `--fixed` has the currency in the key.
"""

import sys
import time

from traced import note, traced

QUOTES = 60
PRODUCTS, CURRENCIES = ["lamp", "chair", "table"], {"EUR": 1.0, "USD": 1.1, "JPY": 160.0}
cache = {}


@traced("price.convert")
def convert(product, currency):
    time.sleep(0.004)  # The price service.
    return len(product) * 10 * CURRENCIES[currency]


@traced("price.lookup")
def lookup(product, currency, fixed):
    key = f"price:{product}:{currency}" if fixed else f"price:{product}"
    note(kino__cache__key=key, kino__cache__input=f"{product} {currency}", kino__cache__hit=key in cache)
    if key not in cache:
        cache[key] = convert(product, currency)
    return cache[key]


@traced("quote.make")
def make_quote(number, fixed):
    product, currency = PRODUCTS[number % 3], list(CURRENCIES)[number // 3 % 3]
    right = len(product) * 10 * CURRENCIES[currency]
    return lookup(product, currency, fixed) == right


def main():
    right = sum(make_quote(number, fixed="--fixed" in sys.argv) for number in range(QUOTES))
    print(f"{right} of {QUOTES} quotes have the right price")


main()
