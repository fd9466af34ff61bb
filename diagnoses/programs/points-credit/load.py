"""Customers who pay, for four seconds."""

import json
import os
import random
import threading
import time
import urllib.request

URL = os.environ["SHOP_URL"]
SECONDS, EACH_SECOND = 4, 20


def send(path, body=None):
    headers = {"content-type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(URL + path, body, headers), timeout=30) as answer:
        answer.read()


def main():
    chance = random.Random(7)
    threads = []
    for order in range(SECONDS * EACH_SECOND):
        body = json.dumps({"member": chance.randrange(1_000), "cents": chance.randrange(500, 9_000)}).encode()
        arguments = [f"/orders/{order}"] if order % 5 == 4 else [f"/orders/{order}/pay", body]
        threads.append(threading.Thread(target=send, args=arguments))
        threads[-1].start()
        time.sleep(chance.expovariate(EACH_SECOND))
    for thread in threads:
        thread.join()


main()
