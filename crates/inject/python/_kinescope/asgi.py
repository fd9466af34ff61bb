"""Spans of Starlette's and FastAPI's requests.

Owns: the server span of an ASGI request, from its first event to the last byte of the answer.
Never does: look into bodies, or wrap the application's own functions.
"""

import sys

from . import guard, spans, web

MOUNTS_MAX = 16


def on_starlette(module):
    guard.patch(module.Starlette, "__call__", "asgi.call", request, finished, shape=guard.wrap_asgi)


def on_routing(module):
    """A route may belong to a router that is mounted in another: their templates add up."""

    def mounted(call):
        span = web.server_span()
        if span is not None and isinstance(span.note, list) and len(span.note) < MOUNTS_MAX:
            span.note.append(getattr(call.args[0], "path", ""))

    def routed(call):
        route, scope = call.args[0], call.args[1]
        span = web.server_span()
        if span is None or scope.get("type") != "http":
            return
        prefix = "".join(span.note) if isinstance(span.note, list) else ""
        web.routed(span, prefix + full_path(route, scope), getattr(route, "endpoint", None))

    guard.patch(module.Mount, "handle", "asgi.mount", mounted, guard.nothing, guard.ignore, shape=guard.wrap_asgi)
    guard.patch(module.Route, "handle", "asgi.route", routed, guard.nothing, guard.ignore, shape=guard.wrap_asgi)


def on_fastapi(module):
    """FastAPI's routes have a `handle` of their own in some versions."""

    def routed(call):
        route, scope = call.args[0], call.args[1]
        span = web.server_span()
        if span is not None and scope.get("type") == "http":
            prefix = "".join(span.note) if isinstance(span.note, list) else ""
            web.routed(span, prefix + full_path(route, scope), getattr(route, "endpoint", None))

    guard.patch(module.APIRoute, "handle", "fastapi.route", routed, guard.nothing, guard.ignore, shape=guard.wrap_asgi)


def full_path(route, scope):
    """The route's template with the prefixes under which its router was included."""
    ask = getattr(sys.modules.get("fastapi.routing"), "_get_scope_effective_route_context", None)
    if ask is not None:
        context = ask(scope)
        path = getattr(context, "path", None)
        if isinstance(path, str) and getattr(context, "original_route", None) is route:
            return path
    return getattr(route, "path", "")


def request(call):
    """Opens the span of a request, and notes in `send` what is answered."""
    scope = call.args[1] if len(call.args) > 1 else call.kwargs.get("scope")
    if scope["type"] != "http" or len(call.args) != 4 or web.server_span() is not None:
        return
    headers = {}
    for name, value in scope.get("headers", ()):
        if name in (b"host", b"user-agent", b"traceparent"):
            headers[name] = value.decode("latin-1")
    host, port = web.split_host(headers.get(b"host", ""))
    server, client = scope.get("server") or (None, None), scope.get("client") or (None, None)
    span = web.open_server(
        scope["method"],
        scope["path"],
        scope.get("query_string", b"").decode("latin-1"),
        scope.get("scheme", "http"),
        host or server[0],
        port or server[1],
        client[0],
        scope.get("http_version"),
        headers.get(b"user-agent"),
        headers.get(b"traceparent"),
    )
    span.note = []
    call.span = span
    application, scope, receive, send = call.args
    call.args = (application, scope, receive, watched(send, span))


def watched(send, span):
    """The server's `send`: status and end of the answer are the span's."""

    def sending(call):
        message = call.args[0]
        if message["type"] == "http.response.start":
            web.answered(span, message["status"])

    def sent(call):
        message = call.args[0]
        if message["type"] == "http.response.body" and not message.get("more_body") and span.status != 2:
            # What runs in the background after the answer is not part of it. A failed one waits for its error.
            span.finish()

    return guard.wrap_async(send, "asgi.send", sending, sent, guard.ignore)


def finished(call):
    if call.span is not None:
        call.span.end()
