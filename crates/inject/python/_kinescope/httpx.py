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
    request = call.args[1] if len(call.args) > 1 else call.kwargs.get("request")
    url, headers = getattr(request, "url", None), getattr(request, "headers", None)
    if url is None or not isinstance(headers, list):
        return
    host = url.host.decode("ascii") if isinstance(url.host, bytes) else url.host
    value = web.parent_for(host)
    if value and not any(name.lower() == b"traceparent" for name, _ in headers):
        request.headers = headers + [(b"traceparent", value.encode("ascii"))]


def on_pool(module):
    pool = module.ConnectionPool
    guard.patch(pool, "handle_request", "httpcore.request", add_header, guard.nothing, guard.ignore)


def on_async_pool(module):
    pool = module.AsyncConnectionPool
    guard.patch(
        pool, "handle_async_request", "httpcore.request", add_header, guard.nothing, guard.ignore,
        shape=guard.wrap_async,
    )  # fmt: skip
