"""A queue of files: one a message, with the trace context of who published it."""

import json
import os
import time
import uuid

from opentelemetry import propagate
from opentelemetry.trace import SpanKind
from service import FOLDER, tracer

QUEUE = f"{FOLDER}/orders"
PAUSE_SECONDS = 0.01
ATTRIBUTES = {"messaging.system": "files", "messaging.destination.name": "orders"}


def publish(body):
    with tracer.start_as_current_span("orders publish", kind=SpanKind.PRODUCER, attributes=ATTRIBUTES):
        message = {"headers": {}, "body": body}
        propagate.inject(message["headers"])
        path = f"{QUEUE}/{time.time_ns():020}-{uuid.uuid4().hex}"
        with open(f"{path}.part", "w") as file:
            json.dump(message, file)
        os.rename(f"{path}.part", f"{path}.json")


def consume(handle):
    """Hands over one message after the other, for ever."""
    os.makedirs(QUEUE, exist_ok=True)
    while True:
        for name in sorted(name for name in os.listdir(QUEUE) if name.endswith(".json")):
            with open(f"{QUEUE}/{name}") as file:
                message = json.load(file)
            os.unlink(f"{QUEUE}/{name}")
            sender = propagate.extract(message["headers"])
            name = "orders process"
            try:
                with tracer.start_as_current_span(name, sender, SpanKind.CONSUMER, ATTRIBUTES):
                    handle(message["body"])
            except Exception:
                # It is recorded on the span; what cannot be handled is dropped.
                continue
        time.sleep(PAUSE_SECONDS)
