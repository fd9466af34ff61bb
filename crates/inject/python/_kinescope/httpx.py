"""Spans of requests that a program sends by httpx.

Owns: one span for each `send`, of the synchronous and the asynchronous client.
Never does: add our header where the program can see it: it goes into the request of `httpcore`, which httpx makes for
itself.
"""

import sys

from . import guard, spans, web


def on_client(module):
    def send(call):
        request = call.args[1] if len(call.args) > 1 else call.kwargs["request"]
        if not spans.within(web.CLIENT):
            call.span = web.open_client(request.method, str(request.url), sys._getframe(2))

    def received(call):
        if call.span is not None:
            web.received(call.span, call.result.status_code)
            call.span.end()

    guard.patch(module.Client, "send", "httpx.send", send, received)
    guard.patch(module.AsyncClient, "send", "httpx.send_async", send, received, shape=guard.wrap_async)


def add_header(call):
    """Where a request becomes bytes: a copy of it, since the original goes to those who watch."""
    request = call.kwargs.get("request") or (call.args[1] if len(call.args) > 1 else None)
    url, headers = getattr(request, "url", None), getattr(request, "headers", None)
    if url is None or not isinstance(headers, list):
        return
    value = web.parent_for(url.host.decode("ascii"))
    if not value or any(name.lower() == b"traceparent" for name, _ in headers):
        return
    copied = object.__new__(type(request))
    vars(copied).update(vars(request))
    copied.headers = headers + [(b"traceparent", value.encode("ascii"))]
    if "request" in call.kwargs:
        call.kwargs["request"] = copied
    else:
        call.args = (call.args[0], copied) + call.args[2:]


def on_wire(module):
    connection = module.HTTP11Connection
    guard.patch(connection, "_send_request_headers", "httpcore.headers", add_header, guard.nothing, guard.ignore)


def on_async_wire(module):
    connection = module.AsyncHTTP11Connection
    guard.patch(
        connection, "_send_request_headers", "httpcore.headers", add_header, guard.nothing, guard.ignore,
        shape=guard.wrap_async,
    )  # fmt: skip
