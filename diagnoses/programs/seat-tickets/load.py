"""An evening's customers, in eight seconds: each wants five seats."""

import json
import os
import random
import threading
import time
import urllib.error
import urllib.request

URL = os.environ["TICKETS_URL"]
SECONDS, EACH_SECOND = 8, 4


def send(path, body=None):
    headers = {"content-type": "application/json"}
    try:
        with urllib.request.urlopen(urllib.request.Request(URL + path, body, headers), timeout=30) as answer:
            answer.read()
    except urllib.error.HTTPError as error:
        error.read()


def main():
    chance = random.Random(3)
    threads = []
    for number in range(SECONDS * EACH_SECOND):
        first = chance.randrange(395)
        body = json.dumps({"seats": list(range(first, first + 5))}).encode()
        threads.append(threading.Thread(target=send, args=["/prices"] if number % 4 == 3 else ["/orders", body]))
        threads[-1].start()
        time.sleep(chance.expovariate(EACH_SECOND))
    for thread in threads:
        thread.join()


main()
