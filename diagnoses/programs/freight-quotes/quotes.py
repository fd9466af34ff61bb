"""Asks three carriers what each of thirty shipments would cost, and keeps the cheapest."""

import contextvars
import logging
import os
import time
from concurrent.futures import ThreadPoolExecutor

import requests
from opentelemetry import trace

URL = os.environ["CARRIERS_URL"]
CARRIERS = ["kestrel", "boreas", "ondine"]
SHIPMENTS, WORKERS, TRIES = 30, 6, 12
logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
log = logging.getLogger("quotes")
tracer = trace.get_tracer("quotes")


def quote(carrier, shipment):
    with tracer.start_as_current_span("quote", attributes={"carrier": carrier, "shipment.id": shipment}):
        for _ in range(TRIES):
            answer = requests.get(f"{URL}/{carrier}/quotes/{shipment}", timeout=10)
            if answer.status_code != 429:
                answer.raise_for_status()
                return answer.json()["cents"]
            time.sleep(float(answer.headers["Retry-After"]))
        log.warning("no quote of %s for shipment %d", carrier, shipment)
        return None


def main():
    with tracer.start_as_current_span("quote shipments", attributes={"shipments": SHIPMENTS}):
        with ThreadPoolExecutor(WORKERS) as pool:
            for shipment in range(SHIPMENTS):
                for carrier in CARRIERS:
                    pool.submit(contextvars.copy_context().run, quote, carrier, shipment)
    log.info("done")


main()
