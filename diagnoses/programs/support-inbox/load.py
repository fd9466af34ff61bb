"""Nine agents and some customers, for eight seconds."""

import os
import random
import threading
import time
import urllib.request

URL = os.environ["INBOX_URL"]
SECONDS, EACH_SECOND = 8, 16


def send(method, path, body=None):
    with urllib.request.urlopen(urllib.request.Request(URL + path, body, method=method), timeout=30) as answer:
        answer.read()


def main():
    chance = random.Random(5)
    picture = chance.randbytes(300_000)
    threads = []
    for _ in range(SECONDS * EACH_SECOND):
        kind = chance.choices(["inbox", "close", "picture"], [70, 25, 5])[0]
        arguments = {
            "inbox": ("GET", f"/inbox/a{chance.randrange(9)}"),
            "close": ("POST", f"/tickets/{chance.randrange(900)}/close", b""),
            "picture": ("POST", "/pictures", picture),
        }[kind]
        threads.append(threading.Thread(target=send, args=arguments))
        threads[-1].start()
        time.sleep(chance.expovariate(EACH_SECOND))
    for thread in threads:
        thread.join()


main()
