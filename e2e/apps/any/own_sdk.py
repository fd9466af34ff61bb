"""A program with an OpenTelemetry SDK of its own."""

import sqlite3

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor


def line(span):
    return f"{span.name} {span.parent} {dict(span.attributes)}\n"


provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(formatter=line)))
trace.set_tracer_provider(provider)
with trace.get_tracer("shop").start_as_current_span("order", attributes={"number": 7}):
    print(sqlite3.connect(":memory:").execute("select 1").fetchall())
