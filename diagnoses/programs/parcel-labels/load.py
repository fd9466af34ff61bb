"""People who send parcels, for six seconds."""

import json
import os
import random
import threading
import time
import urllib.error
import urllib.request

URL = os.environ["DESK_URL"]
SECONDS, EACH_SECOND = 6, 14


def send(path, body=None):
    headers = {"content-type": "application/json"}
    try:
        with urllib.request.urlopen(urllib.request.Request(URL + path, body, headers), timeout=30) as answer:
            answer.read()
    except urllib.error.HTTPError as error:
        error.read()


def main():
    chance = random.Random(29)
    threads = []
    for number in range(SECONDS * EACH_SECOND):
        zone = chance.choices([1, 2, 3, 7], [40, 30, 18, 12])[0]
        body = json.dumps({"number": number, "zone": zone, "grams": chance.randrange(200, 9_000)}).encode()
        arguments = [f"/parcels/{number}"] if number % 4 == 3 else ["/parcels", body]
        threads.append(threading.Thread(target=send, args=arguments))
        threads[-1].start()
        time.sleep(chance.expovariate(EACH_SECOND))
    for thread in threads:
        thread.join()


main()
