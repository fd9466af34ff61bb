"""CPU-bound, in Python alone: tokens, a tree, and its value; and a sieve."""

import random
import re

from tracing import execution, more, step

TOKEN = re.compile(r"\d+|[-+*()]")


def formula(chance, depth):
    if depth == 0:
        return str(chance.randint(1, 99))
    return f"({formula(chance, depth - 1)} {chance.choice('+-*')} {formula(chance, depth - 1)})"


def parse(tokens):
    token = next(tokens)
    if token != "(":
        return int(token)
    left, operator, right = parse(tokens), next(tokens), parse(tokens)
    next(tokens)
    return operator, left, right


def value(tree):
    if isinstance(tree, int):
        return tree
    operator, left, right = tree[0], value(tree[1]), value(tree[2])
    return {"+": left + right, "-": left - right, "*": left * right}[operator] % 1_000_003


def sieve(limit):
    prime = [True] * limit
    for number in range(2, int(limit**0.5) + 1):
        if prime[number]:
            for multiple in range(number * number, limit, number):
                prime[multiple] = False
    return sum(prime) - 2


chance = random.Random(1)
formulas = [formula(chance, 4) for _ in range(200)]
for _ in range(20):
    with execution("formulas.evaluate"):
        with step("parse"):
            trees = [parse(iter(TOKEN.findall(formulas[index % 200]))) for index in range(more(200))]
        with step("value"):
            total = sum(value(tree) for tree in trees)
for _ in range(10):
    with execution("primes.count"):
        found = sieve(more(150_000))
print(total, found)
