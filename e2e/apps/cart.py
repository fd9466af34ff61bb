"""A program that loads a cart: each query takes DELAY_SECONDS, and there are QUERIES of them.

The tests write those two in before they commit it.
"""

import time

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)
tracer = trace.get_tracer("cart")

with tracer.start_as_current_span("load_cart"):
    for item in range(int("QUERIES")):
        attributes = {"db.system.name": "sqlite", "db.query.text": f"SELECT price FROM item WHERE id = {item}"}
        with tracer.start_as_current_span("SELECT item", kind=trace.SpanKind.CLIENT, attributes=attributes):
            time.sleep(float("DELAY_SECONDS"))
provider.shutdown()
