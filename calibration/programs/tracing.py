"""What every program here needs of OpenTelemetry: executions directly beneath the run, and steps within them."""

import atexit
import os

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

provider = TracerProvider(shutdown_on_exit=False)
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(timeout=5)))
atexit.register(provider.shutdown)
tracer = provider.get_tracer("calibration")
run = TraceContextTextMapPropagator().extract({"traceparent": os.environ.get("TRACEPARENT", "")})
extra = float(os.environ.get("CALIBRATION_EXTRA", "0"))


def execution(name):
    """A span beneath the run's, whatever span is current."""
    return tracer.start_as_current_span(name, context=run)


def step(name, parent=None):
    """A span beneath the current one, or beneath `parent`, which another thread started."""
    return tracer.start_as_current_span(name, context=parent and trace.set_span_in_context(parent))


def more(count):
    """The amount of work: as much as is said here, and the extra share that was asked for."""
    return round(count * (1 + extra))
