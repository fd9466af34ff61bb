"""What every story needs of OpenTelemetry: a span around a function that says where in the code it is.

The SDK itself is set up by `opentelemetry-instrument`, and where it sends to by the standard environment variables.
"""

import functools
import inspect
import os

from opentelemetry import trace

tracer = trace.get_tracer("stories")


def here(function):
    """Where a function is, in the words of the semantic conventions."""
    code = inspect.unwrap(function).__code__
    return {
        "code.file.path": os.path.relpath(code.co_filename),
        "code.line.number": code.co_firstlineno,
        "code.function.name": function.__qualname__,
    }


def traced(name):
    """A span of that name around each call. Exceptions are recorded by the SDK."""

    def decorate(function):
        where = here(function)

        @functools.wraps(function)
        def call(*arguments, **named):
            with tracer.start_as_current_span(name, attributes=where):
                return function(*arguments, **named)

        @functools.wraps(function)
        async def call_async(*arguments, **named):
            with tracer.start_as_current_span(name, attributes=where):
                return await function(*arguments, **named)

        return call_async if inspect.iscoroutinefunction(function) else call

    return decorate


def note(**attributes):
    """Attributes of the current span; `__` in a name stands for a dot."""
    span = trace.get_current_span()
    for key, value in attributes.items():
        span.set_attribute(key.replace("__", "."), value)
