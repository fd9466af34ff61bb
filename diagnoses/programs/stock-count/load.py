"""Pickers with their scanners, and somebody who counts, for eight seconds."""

import json
import os
import random
import threading
import time
import urllib.request

URL = os.environ["WAREHOUSE_URL"]
SECONDS, EACH_SECOND = 8, 14


def send(path, body=None):
    body = body and json.dumps(body).encode()
    headers = {"content-type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(URL + path, body, headers), timeout=30) as answer:
        answer.read()


def main():
    chance = random.Random(23)
    threads = []
    for _ in range(SECONDS * EACH_SECOND):
        kind = chance.choices(["picks", "shelves", "counts"], [62, 32, 6])[0]
        shelf = chance.randrange(300)
        arguments = [f"/shelves/{shelf}"] if kind == "shelves" else [f"/{kind}", {"shelf": shelf, "pieces": 2}]
        threads.append(threading.Thread(target=send, args=arguments))
        threads[-1].start()
        time.sleep(chance.expovariate(EACH_SECOND))
    for thread in threads:
        thread.join()


main()
