"""Spans of requests that a program sends by `requests`, `urllib3`, `urllib.request` or `http.client`.

Owns: one span a request, of the outermost of these libraries.
Never does: put our header where the program can see it. It is added to the bytes that `http.client` sends, after
all headers of the program.
"""

import sys

from . import guard, spans, web


def on_requests(module):
    def send(call):
        if not spans.within(web.CLIENT):
            request = call.args[1] if len(call.args) > 1 else call.kwargs["request"]
            call.span = web.open_client(request.method, request.url, sys._getframe(2))

    def sent(call):
        if call.span is not None:
            web.received(call.span, call.result.status_code)
            call.span.end()

    guard.patch(module.Session, "send", "requests.send", send, sent)


def on_urllib3(module):
    def send(call):
        if spans.within(web.CLIENT):
            return
        pool = call.args[0]
        method = call.args[1] if len(call.args) > 1 else call.kwargs["method"]
        url = call.args[2] if len(call.args) > 2 else call.kwargs["url"]
        if "://" not in url:
            host = "[%s]" % pool.host if ":" in pool.host else pool.host
            port = "" if pool.port in (None, web.PORTS.get(pool.scheme)) else ":%s" % pool.port
            url = "%s://%s%s%s" % (pool.scheme, host, port, url)
        call.span = web.open_client(method, url, sys._getframe(2))

    def sent(call):
        if call.span is not None:
            web.received(call.span, call.result.status)
            call.span.end()

    guard.patch(module.HTTPConnectionPool, "urlopen", "urllib3.urlopen", send, sent)


def on_urllib(module):
    def send(call):
        if spans.within(web.CLIENT):
            return
        target = call.args[1] if len(call.args) > 1 else call.kwargs["fullurl"]
        if isinstance(target, str):
            url = target
            has_data = (call.args[2] if len(call.args) > 2 else call.kwargs.get("data")) is not None
            method = "POST" if has_data else "GET"
        else:
            url, method = target.full_url, target.get_method()
        if url[:5].lower() in ("http:", "https"):
            call.span = web.open_client(method, url, sys._getframe(2))

    def sent(call):
        if call.span is not None:
            web.received(call.span, getattr(call.result, "status", None))
            call.span.end()

    def failed(call, error):
        if call.span is None:
            return
        status = getattr(error, "code", None)
        if isinstance(status, int):
            web.received(call.span, status)
            call.span.end()
        else:
            call.span.fail(error)

    guard.patch(module.OpenerDirector, "open", "urllib.open", send, sent, failed)


def on_http_client(module):
    """A connection that is used directly has a span from the request to its answer."""
    open_spans = {}  # id of a connection -> span without an answer yet

    def finish(connection, error=None):
        span = open_spans.pop(id(connection), None)
        if span is None:
            return
        if error is not None:
            span.fail(error)
        else:
            span.end()

    def begin(call):
        connection = call.args[0]
        finish(connection)
        if spans.within(web.CLIENT) or len(open_spans) > 10_000:
            return
        method = call.args[1] if len(call.args) > 1 else call.kwargs["method"]
        url = call.args[2] if len(call.args) > 2 else call.kwargs["url"]
        if "://" not in url:
            scheme = "https" if connection.default_port == 443 else "http"
            port = "" if connection.port == connection.default_port else ":%s" % connection.port
            host = "[%s]" % connection.host if ":" in connection.host else connection.host
            url = "%s://%s%s%s" % (scheme, host, port, url)
        span = web.open_client(method, url, sys._getframe(2))
        if span is not None:
            span.deactivate()
            open_spans[id(connection)] = span

    def add_header(call):
        connection = call.args[0]
        lines = connection._buffer
        if getattr(connection, "_tunnel_host", None) or not lines:
            return
        span = open_spans.get(id(connection))
        if span is not None:
            value = span.traceparent() if web.takes_parent(connection.host) else None
        else:
            value = web.parent_for(connection.host)
        if value and not any(line[:12].lower() == b"traceparent:" for line in lines):
            lines.append(b"traceparent: " + value.encode("ascii"))

    def wait(call):
        # The connection may close itself once it has the answer's head.
        call.span = open_spans.pop(id(call.args[0]), None)

    def answer(call):
        if call.span is not None:
            web.received(call.span, call.result.status)
            call.span.end()

    def failed(call, error):
        finish(call.args[0], error=error)

    connection = module.HTTPConnection
    guard.patch(connection, "putrequest", "http.client.putrequest", begin, guard.nothing, failed)
    guard.patch(connection, "endheaders", "http.client.endheaders", add_header, guard.nothing, failed)
    guard.patch(connection, "getresponse", "http.client.getresponse", wait, answer)
    guard.patch(connection, "close", "http.client.close", guard.nothing, lambda call: finish(call.args[0]))
