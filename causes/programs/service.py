"""What every Python service here has: a server, spans and logs, a database, a client, and the faults it can be given.

A service knows nothing of a fault but what `POST /fault` says while it runs; the endpoint is not traced.
"""

import contextlib
import contextvars
import functools
import gc
import hashlib
import json
import logging
import os
import queue
import random
import sqlite3
import threading
import time

import requests
from flask import Flask, request
from opentelemetry import trace
from opentelemetry._logs import set_logger_provider
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.instrumentation.sqlite3 import SQLite3Instrumentor
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

NAME = os.environ["OTEL_SERVICE_NAME"]
PEERS = json.loads(os.environ["CAUSES_PEERS"])
FOLDER = os.environ["CAUSES_FOLDER"]
# Rows of each service's large table; a slow dependency reads up to twenty times what is usual.
ROWS = 200_000
CONNECTIONS = 8
TIMEOUT_SECONDS = 3.0

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)
logs = LoggerProvider()
logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
set_logger_provider(logs)
logging.getLogger().addHandler(LoggingHandler(logger_provider=logs))
logging.getLogger().setLevel(logging.INFO)
logging.getLogger("werkzeug").setLevel(logging.WARNING)
log = logging.getLogger(NAME)
tracer = trace.get_tracer(NAME)
SQLite3Instrumentor().instrument()
RequestsInstrumentor().instrument()
app = Flask(NAME)
FlaskInstrumentor().instrument_app(app, excluded_urls="fault")

# What is wrong with this service: empty, or a kind and its parameters.
fault = {}
lock = threading.Lock()
pool_of_one = threading.Semaphore(1)
operation_at_work = contextvars.ContextVar("operation", default="")


def has(kind, operation=None):
    """The fault's parameters where it is of this kind, and of this operation if it is of one."""
    now = fault
    if now.get("kind") != kind or (operation is not None and now.get("operation", operation) != operation):
        return None
    return now


@app.post("/fault")
def set_fault():
    global fault
    fault = request.get_json()
    if fault.get("kind") == "lock":
        threading.Thread(target=refresh, args=[fault], daemon=True).start()
    return {}


def refresh(mine):
    """Something that is renewed again and again, under the lock that handlers need."""
    while fault is mine:
        with lock:
            time.sleep(mine["hold_ms"] / 1e3)
        time.sleep(mine["pause_ms"] / 1e3)


def operation(name, empty):
    """A handler of requests or messages; `empty` is what it answers where it returns too early."""

    def decorate(handler):
        @functools.wraps(handler)
        def run(*arguments, **more):
            operation_at_work.set(name)
            if has("early_return", name) and random.random() < fault.get("share", 1):
                return empty
            if growing := has("memory"):
                grow(growing)
            with connection_of_one() if has("config") and "reconnect_ms" in fault else contextlib.nullcontext():
                return handler(*arguments, **more)

        return run

    return decorate


@contextlib.contextmanager
def connection_of_one():
    """One connection for all requests, opened anew for each."""
    reconnect = fault.get("reconnect_ms", 0) / 1e3
    with pool_of_one:
        time.sleep(reconnect)
        yield


def grow(growing):
    """Touches each page of a large block, and makes objects that refer to each other."""
    block = bytearray(growing["megabytes"] << 20)
    for at in range(0, len(block), 4096):
        block[at] = 1
    ring = [{"number": number} for number in range(growing["objects"])]
    for number, one in enumerate(ring):
        one["next"] = ring[number - 1]
    del ring
    gc.collect()


def work(millis):
    """Some milliseconds of work with JSON and hashes: what a handler does itself."""
    with lock if has("lock") else contextlib.nullcontext():
        failing = has("exception", operation_at_work.get())
        if failing and random.random() < failing["share"]:
            fail(failing["type"])
        document = {"lines": [{"id": number, "text": f"line {number}"} for number in range(60)]}
        digest = b""
        for _ in range(round(millis * 6)):
            text = json.dumps(document, sort_keys=True).encode()
            digest = hashlib.sha256(digest + text).digest()
        return digest.hex()


def fail(kind):
    """A mistake of an ordinary kind."""
    if kind == 0:
        return {"rates": {}}["rates"]["standard"]
    if kind == 1:
        return int("12,50")
    if kind == 2:
        return None + 1
    return [][0]


class Database:
    """A SQLite file with one large table of amounts, and a pool of connections."""

    def __init__(self, table, more=""):
        path = f"{FOLDER}/{NAME}.sqlite"
        with contextlib.closing(sqlite3.connect(path)) as fresh, fresh:
            fresh.execute("PRAGMA journal_mode = WAL")
            fresh.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, item INTEGER, amount INTEGER, note TEXT)")
            rows = ((number * 7919 % 500, number * 31 % 10_000, f"note {number}") for number in range(ROWS))
            fresh.executemany(f"INSERT INTO {table} (item, amount, note) VALUES (?, ?, ?)", rows)
            fresh.executescript(more)
        self.table = table
        self.connections = queue.LifoQueue()
        for _ in range(CONNECTIONS):
            connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            connection.execute("PRAGMA synchronous = OFF")
            self.connections.put(connection)

    def execute(self, statement, *values):
        connection = self.connections.get()
        try:
            # Through a cursor, which the instrumentation follows.
            cursor = connection.cursor()
            cursor.execute(statement, values)
            return cursor.fetchall()
        finally:
            self.connections.put(connection)

    def sum(self, item, rows):
        """Reads so many rows for one number; a slow database reads many times as many."""
        slow = has("slow_dependency")
        until = round(rows * (slow["factor"] if slow else 1))
        question = f"SELECT sum(amount), max(note) FROM {self.table} WHERE id <= ? AND item <> ?"
        return self.execute(question, min(until, ROWS), item)[0][0] or 0


def call(peer, method, path, body=None):
    """Asks another service; a retry storm asks several times what was answered at once."""
    settings = has("config") or {}
    timeout = settings.get("timeout_ms", TIMEOUT_SECONDS * 1e3) / 1e3
    storm = has("retry_storm")
    attempts = 1 + (storm["retries"] if storm and random.random() < storm["share"] else 0)
    for attempt in range(1, attempts + 1):
        answer = requests.request(method, PEERS[peer] + path, json=body, timeout=timeout)
        if attempt < attempts:
            log.warning("answer of %s not accepted, attempt %d of %d", peer, attempt, attempts)
            time.sleep(storm["pause_ms"] / 1e3)
    answer.raise_for_status()
    return answer.json()


def serve():
    log.info("%s is ready", NAME)
    app.run("127.0.0.1", int(os.environ["CAUSES_PORT"]), threaded=True)
