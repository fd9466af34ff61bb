"""Spans of servers that are made of `http.server`.

Owns: the server span of a handler's `do_…` method. Never does: act where a framework has a loop of its own over the
same classes: those overrule `handle_one_request`.
"""

from . import guard, place, web

_answering = {}  # id of a handler -> span, or None before its request is read


def on_http_server(module):
    handler = module.BaseHTTPRequestHandler

    def begin(call):
        _answering[id(call.args[0])] = None

    def parsed(call):
        it = call.args[0]
        if not call.result or id(it) not in _answering or web.server_span() is not None:
            return
        path, _, query = it.path.partition("?")
        host, port = web.split_host(it.headers.get("Host", ""))
        address = getattr(it.server, "server_address", None)
        if isinstance(address, tuple):
            host, port = host or address[0], port or address[1]
        span = web.open_server(
            it.command, path, query, "http", host, port, it.client_address[0] if it.client_address else None,
            it.request_version.partition("/")[2], it.headers.get("User-Agent"), it.headers.get("traceparent"),
        )  # fmt: skip
        place.of_function(getattr(it, "do_" + it.command, None), span.attributes)
        _answering[id(it)] = span

    def status(call):
        span = _answering.get(id(call.args[0]))
        code = call.args[1] if len(call.args) > 1 else call.kwargs.get("code")
        if span is not None and isinstance(code, int):
            web.answered(span, int(code))

    def end(call):
        span = _answering.pop(id(call.args[0]), None)
        if span is not None:
            span.end()

    def failed(call, error):
        span = _answering.pop(id(call.args[0]), None)
        if span is not None:
            span.fail(error)

    guard.patch(handler, "handle_one_request", "http.server.handle", begin, end, failed)
    guard.patch(handler, "parse_request", "http.server.parse", guard.nothing, parsed, guard.ignore)
    guard.patch(handler, "send_response_only", "http.server.status", status, guard.nothing, guard.ignore)
