"""Threads: a pool whose threads share a lock, and a producer and consumers with a queue between them."""

import hashlib
import queue
import threading
from concurrent.futures import ThreadPoolExecutor

from tracing import execution, more, step

THREADS = 4
lock = threading.Lock()
block = bytes(range(256)) * 256
seen = {}


def digest(number):
    found = hashlib.sha1(block + number.to_bytes(4, "big")).hexdigest()
    with lock:
        seen[found[:3]] = seen.get(found[:3], 0) + 1


def consume(waiting, parent):
    with step("consume", parent):
        while (item := waiting.get()) is not None:
            sum(map(ord, item))


with ThreadPoolExecutor(THREADS) as pool:
    for _ in range(15):
        with execution("pool.digest"):
            list(pool.map(digest, range(more(200))))
for _ in range(15):
    with execution("queue.pass") as span:
        waiting = queue.Queue(16)
        consumers = [threading.Thread(target=consume, args=(waiting, span)) for _ in range(2)]
        for consumer in consumers:
            consumer.start()
        for number in range(more(400)):
            waiting.put(f"item {number} " * 10)
        for _ in consumers:
            waiting.put(None)
        for consumer in consumers:
            consumer.join()
print(len(seen))
