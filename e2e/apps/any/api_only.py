"""Manual spans by OpenTelemetry's API alone; later a provider, if the first argument is `later`."""

import sqlite3
import sys
import traceback

from opentelemetry import trace

tracer = trace.get_tracer("shop")
database = sqlite3.connect(":memory:")
with tracer.start_as_current_span("order", attributes={"number": 7}):
    database.execute("select 1")
    with tracer.start_as_current_span("pay") as pay:
        pay.add_event("paid", {"by": "card"})
        database.execute("select 2")
try:
    with tracer.start_as_current_span("fails"):
        raise ValueError("no")
except ValueError:
    traceback.print_exc()
if sys.argv[1:] == ["later"]:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(formatter=lambda span: f"{span.name} {span.parent}\n")))
    trace.set_tracer_provider(provider)
    with tracer.start_as_current_span("recorded by its own"):
        database.execute("select 3")
