"""The span, and which one is current.

Owns: ids, times, the context variable that carries the current span, and how an error is recorded.
Never does: batch. A span goes into the channel at the moment it ends.
"""

import os
import time
from contextvars import ContextVar

from . import channel, encode, place, state

INTERNAL, SERVER, CLIENT = 1, 2, 3
ATTRIBUTES_MAX = 512
EVENTS_MAX = 128
TEXT_BYTES_MAX = 8 * 1024
MESSAGE_MAX = 4 * 1024

# The innermost open span of this thread or task.
current = ContextVar("kino", default=None)
# Another source of parents: manual spans of the OpenTelemetry API. Returns a span or None.
manual = None
# The test that this process runs. It is the parent where a thread or event loop has no span of its own.
active_test = None


class Ids:
    """Random ids, read from the system in blocks. A fork must not share a block."""

    BLOCK = 2048

    def __init__(self):
        self._block = iter(())

    def take(self):
        """16 hex digits."""
        for id in self._block:
            return id
        random = os.urandom(self.BLOCK).hex()
        self._block = iter([random[at : at + 16] for at in range(0, len(random), 16)])
        return next(self._block)

    def forget(self):
        self._block = iter(())


ids = Ids()


class Span:
    """An open span. `attributes`, `status` and `name` may change until it ends."""

    __slots__ = (
        "trace_id", "span_id", "parent_id", "name", "kind", "start_nanos", "attributes", "events", "links", "status",
        "message", "depth", "parent", "_start_mark", "_token", "ended", "role", "_failure", "note",
    )  # fmt: skip

    def __init__(
        self, name, kind, attributes, parent=None, remote=None, role=None, _wall=time.time_ns, _mark=time.perf_counter_ns
    ):
        self.name = name
        self.kind = kind
        self.attributes = attributes
        self.events = None
        self.links = None
        self.status = 0
        self.message = ""
        self.role = role  # "http.client", "http.server", "db": what nested calls of the same kind look for
        self.ended = False
        self._failure = None
        self._token = None
        self.note = None  # for the patch that opened the span
        self.parent = parent
        self.span_id = ids.take()
        if remote is not None:
            self.trace_id, self.parent_id = remote
            self.depth = parent.depth + 1 if parent is not None else 1
        elif parent is not None:
            self.trace_id, self.parent_id = parent.trace_id, parent.span_id
            self.depth = parent.depth + 1
        else:
            self.depth = 1
            if state.parent is not None:
                self.trace_id, self.parent_id = state.parent
            else:
                self.trace_id, self.parent_id = ids.take() + ids.take(), ""
        self.start_nanos = _wall()
        self._start_mark = _mark()

    def activate(self):
        """Makes this span the parent of what follows in this thread or task, until it ends."""
        self._token = current.set(self)
        return self

    def deactivate(self):
        if self._token is None:
            return
        token, self._token = self._token, None
        try:
            current.reset(token)
        except (ValueError, RuntimeError):
            # Ended in another thread or task than it began in.
            if current.get() is self:
                current.set(self.parent)

    def set(self, name, value):
        self.attributes[name] = value

    def add_event(self, name, attributes, time_nanos=None, _wall=time.time_ns):
        if self.events is None:
            self.events = []
        if len(self.events) < EVENTS_MAX:
            self.events.append((name, time_nanos or _wall(), attributes))

    def record(self, error, from_project=False):
        """Adds the event `exception`, once for each error, and marks the span as failed.

        `from_project` leaves out the frames before the first of the project.
        """
        if self._failure == id(error):
            return
        self._failure = id(error)
        from . import errors

        self.status = 2
        self.attributes["error.type"] = errors.type_name(error)
        if not self.message:
            self.message = errors.message(error)
        self.add_event("exception", errors.describe(error, from_project))

    def fail(self, error):
        """Records the error and ends the span. The interpreter's ways to stop something are no failures."""
        if not isinstance(error, (GeneratorExit, StopIteration, StopAsyncIteration)) and not is_exit(error):
            self.record(error)
        self.end()

    def add_link(self, context, attributes):
        """Adds a link to a span context of the OpenTelemetry API."""
        if self.links is None:
            self.links = []
        if len(self.links) < EVENTS_MAX:
            self.links.append(("%032x" % context.trace_id, "%016x" % context.span_id, dict(attributes or {})))

    def end(self):
        """Hands the span over, and makes its parent the innermost again. A second call does nothing."""
        self.finish()
        self.deactivate()

    def end_at(self, time_nanos):
        """The same with an end that the program names, or None."""
        if time_nanos is not None and not self.ended:
            self.ended = True
            self._hand_over(time_nanos)
        self.end()

    def finish(self, _mark=time.perf_counter_ns):
        """Hands the span over. What follows in this thread or task still hangs under it."""
        if not self.ended:
            self.ended = True
            self._hand_over(self.start_nanos + (_mark() - self._start_mark))

    def _hand_over(self, end_nanos):
        if state.on:
            channel.write_span(encode.span(self, end_nanos))

    def traceparent(self):
        return "00-%s-%s-01" % (self.trace_id, self.span_id)


def is_exit(error):
    return isinstance(error, SystemExit) and not error.code


def innermost():
    """The span that a new one hangs under, or None."""
    found = current.get()
    if manual is not None:
        other = manual()
        if other is not None and (found is None or other.depth > found.depth):
            found = other
    if active_test is not None and (found is None or found.ended):
        return active_test
    return found


def open_span(name, kind, attributes, role=None, remote=None):
    """A span under the innermost one, itself the innermost from now on."""
    return Span(name, kind, attributes, innermost(), remote, role).activate()


def open_call(name, kind, attributes, frame, role=None):
    """The same for a call that the program made: `frame` is where the search for its own code begins."""
    span = Span(name, kind, attributes, innermost(), None, role)
    place.of_caller(frame, attributes)
    return span.activate()


def within(role):
    """Whether the innermost span has this role: the call belongs to one that an outer library has opened."""
    found = current.get()
    return found is not None and found.role == role and not found.ended


def cut(text, characters=TEXT_BYTES_MAX):
    """A text within its bound, with a mark where something is missing."""
    return text if len(text) <= characters else text[: characters - 1] + "…"


def after_fork():
    ids.forget()
    channel.after_fork()
