"""Asks the application of `shop.py` by its own test client: a few requests, each with its statements."""

from opentelemetry import trace

from shop import app

client = app.test_client()
for number in range(3):
    assert client.get("/health").status_code == 200
    assert client.get(f"/orders/{number}").status_code == 200
trace.get_tracer_provider().force_flush()
