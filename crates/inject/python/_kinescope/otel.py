"""Lives beside OpenTelemetry: joins manual spans of its API, and steps back for an SDK.

Owns: the switch that turns all patches off once the program makes a tracer provider of an SDK; the tracer that records
manual spans while there is none. Never does: set a provider, so that one that the program sets later takes effect as
always.
"""

from contextlib import contextmanager

from . import spans, state


def on_sdk(module):
    """The program has an SDK of its own from the moment at which it makes a provider."""
    from . import guard

    def step_back(call):
        state.on = False

    guard.patch(module.TracerProvider, "__init__", "otel.sdk", step_back, guard.nothing, guard.ignore, always=True)


def on_api(module):
    """While no provider is set, the API's stand-in for a tracer asks ours instead of one that does nothing."""
    found = vars(module.ProxyTracer).get("_tracer")
    if not isinstance(found, property):
        return
    span_class = manual_span_class(module)
    tracer = tracer_class(module, span_class)()
    original = found.fget

    def _tracer(self):
        real = original(self)
        if state.on and isinstance(real, module.NoOpTracer) and module._TRACER_PROVIDER is None:
            return tracer
        return real

    module.ProxyTracer._tracer = property(_tracer, doc=found.__doc__)

    def manual():
        active = module.get_current_span()
        return active._kino if isinstance(active, span_class) else None

    spans.manual = manual


def manual_span_class(module):
    """The API's span over one of ours."""

    class Span(module.Span):
        def __init__(self, inner):
            self._kino = inner
            self._context = module.SpanContext(
                int(inner.trace_id, 16), int(inner.span_id, 16), False, module.TraceFlags(module.TraceFlags.SAMPLED)
            )

        def get_span_context(self):
            return self._context

        def is_recording(self):
            return not self._kino.ended

        def set_attribute(self, key, value):
            if not self._kino.ended and len(self._kino.attributes) < spans.ATTRIBUTES_MAX:
                self._kino.set(key, value)

        def set_attributes(self, attributes):
            for key, value in attributes.items():
                self.set_attribute(key, value)

        def add_event(self, name, attributes=None, timestamp=None):
            if not self._kino.ended:
                self._kino.add_event(name, dict(attributes or {}), timestamp)

        def add_link(self, context, attributes=None):
            if not self._kino.ended:
                self._kino.add_link(context, attributes)

        def update_name(self, name):
            if not self._kino.ended:
                self._kino.name = name

        def set_status(self, status, description=None):
            if self._kino.ended or self._kino.status == 1:
                return
            code = getattr(status, "status_code", status)
            self._kino.status = code.value
            self._kino.message = getattr(status, "description", None) or description or ""

        def record_exception(self, exception, attributes=None, timestamp=None, escaped=False):
            if not self._kino.ended:
                status, message = self._kino.status, self._kino.message
                self._kino.record(exception)
                self._kino.status, self._kino.message = status, message

        def end(self, end_time=None):
            self._kino.end_at(end_time)

    return Span


def tracer_class(module, span_class):
    class Tracer(module.Tracer):
        def start_span(
            self, name, context=None, kind=module.SpanKind.INTERNAL, attributes=None, links=None, start_time=None,
            record_exception=True, set_status_on_exception=True,
        ):  # fmt: skip
            parent, remote = parent_of(module, span_class, context)
            inner = spans.Span(str(name), kind.value + 1, dict(attributes or {}), parent, remote)
            if start_time is not None:
                inner.start_nanos = start_time
            for link in links or ():
                inner.add_link(link.context, link.attributes)
            return span_class(inner)

        @contextmanager
        def start_as_current_span(
            self, name, context=None, kind=module.SpanKind.INTERNAL, attributes=None, links=None, start_time=None,
            record_exception=True, set_status_on_exception=True, end_on_exit=True,
        ):  # fmt: skip
            span = self.start_span(name, context, kind, attributes, links, start_time)
            with module.use_span(
                span, end_on_exit=end_on_exit, record_exception=record_exception,
                set_status_on_exception=set_status_on_exception,
            ):  # fmt: skip
                yield span

    return Tracer


def parent_of(module, span_class, context):
    """Our span to hang under, and ids of a remote one."""
    active = module.get_current_span(context)
    if isinstance(active, span_class):
        own = active._kino
        if context is None:
            return spans.innermost(), None
        return own, None
    given = active.get_span_context()
    if given is not None and given.is_valid:
        remote = (module.format_trace_id(given.trace_id), module.format_span_id(given.span_id))
        return None, remote
    return spans.innermost() if context is None or not context else None, None


