"""Allocation-heavy: many small objects, dictionaries and strings that live for a moment, and cycles for the collector."""

import gc

from tracing import execution, more, step


class Node:
    def __init__(self, number):
        self.number = number
        self.name = f"node {number}"
        self.edges = {}


def build(size):
    nodes = [Node(number) for number in range(size)]
    for node in nodes:
        for jump in (1, 7, 31):
            other = nodes[(node.number * jump + 3) % size]
            node.edges[other.name] = other
    return nodes


def reached(nodes):
    seen, waiting = set(), [nodes[0]]
    while waiting:
        node = waiting.pop()
        if node.number not in seen:
            seen.add(node.number)
            waiting.extend(node.edges.values())
    return len(seen)


for _ in range(15):
    with execution("graph.walk"):
        with step("build"):
            nodes = build(more(5_000))
        with step("reach"):
            count = reached(nodes)
        with step("collect"):
            del nodes
            gc.collect()
for _ in range(15):
    with execution("table.group"):
        rows = [{"key": f"k{number % 97}", "value": str(number)} for number in range(more(6_000))]
        groups = {}
        for row in rows:
            groups.setdefault(row["key"], []).append(row["value"])
print(count, len(groups))
