"""A quarter of an hour of customers, in eight seconds."""

import os
import random
import threading
import time
import urllib.request

URL = os.environ["SALONS_URL"]
CHAINS = {"aurora": range(0, 10), "kamm": range(10, 18), "lindqvist": range(18, 24), "schnitt": range(24, 40)}
WEIGHTS = {"aurora": 30, "kamm": 24, "lindqvist": 12, "schnitt": 34}
SECONDS, EACH_SECOND = 8, 14


def send(chain, method, path):
    request = urllib.request.Request(URL + path, method=method, headers={"X-Chain": chain})
    with urllib.request.urlopen(request, timeout=30) as answer:
        answer.read()


def main():
    chance = random.Random(11)
    threads = []
    for _ in range(SECONDS * EACH_SECOND):
        chain = chance.choices(list(WEIGHTS), WEIGHTS.values())[0]
        salon = chance.choice(CHAINS[chain])
        kind = chance.choices(["slots", "bookings", "report"], [40, 15, 45] if chain == "lindqvist" else [60, 25, 15])[0]
        paths = [f"/salons/{salon}/{kind}" + (f"?day={chance.randrange(30)}" if kind == "slots" else "")]
        if kind == "report" and chain == "lindqvist":
            # Their manager compares salons: a page with three reports, which a browser loads at the same time.
            paths += [f"/salons/{other}/report" for other in chance.sample(CHAINS[chain], 2)]
        for path in paths:
            threads.append(threading.Thread(target=send, args=[chain, "POST" if kind == "bookings" else "GET", path]))
            threads[-1].start()
        time.sleep(chance.expovariate(EACH_SECOND))
    for thread in threads:
        thread.join()


main()
