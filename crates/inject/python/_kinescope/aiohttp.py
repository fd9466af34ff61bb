"""Spans of aiohttp's server and client.

Owns: one span a request on either side. Never does: change headers that the program can look at: ours is added to
a copy, where they become bytes.
"""

import sys

from . import guard, spans, web


def on_application(module):
    def request(call):
        asked = call.args[1]
        if web.server_span() is not None:
            return
        host, port = web.split_host(asked.headers.get("Host", ""))
        version = asked.version
        call.span = web.open_server(
            asked.method, asked.path, asked.query_string, asked.scheme, host, port or web.PORTS.get(asked.scheme),
            asked.remote, "%d.%d" % (version.major, version.minor), asked.headers.get("User-Agent"),
            asked.headers.get("traceparent"),
        )  # fmt: skip

    def route(call):
        match = call.args[1]._match_info
        resource = getattr(getattr(match, "route", None), "resource", None)
        if resource is not None:
            handler = match.handler
            if isinstance(handler, type):
                handler = getattr(handler, call.args[1].method.lower(), handler)
            web.routed(call.span, resource.canonical, handler)

    def answered(call):
        if call.span is not None:
            route(call)
            web.answered(call.span, getattr(call.result, "status", None))
            call.span.end()

    def failed(call, error):
        if call.span is None:
            return
        if getattr(call.args[1], "_match_info", None) is not None:
            route(call)
        status = getattr(error, "status", None)
        if isinstance(status, int) and type(error).__module__.startswith("aiohttp."):
            web.answered(call.span, status)
            call.span.end()
        else:
            if isinstance(error, Exception):
                web.answered(call.span, 500)
            call.span.fail(error)

    guard.patch(module.Application, "_handle", "aiohttp.handle", request, answered, failed, shape=guard.wrap_async)


def on_client(module):
    def send(call):
        if spans.within(web.CLIENT) or len(call.args) < 3:
            return
        session, method, url = call.args[:3]
        build = getattr(session, "_build_url", None)
        call.span = web.open_client(method, str(build(url) if build is not None else url), sys._getframe(2))

    def received(call):
        if call.span is not None:
            web.received(call.span, call.result.status)
            call.span.end()

    guard.patch(module.ClientSession, "_request", "aiohttp.request", send, received, shape=guard.wrap_async)


def on_writer(module):
    def add_header(call):
        if len(call.args) < 3 or call.args[1].startswith("HTTP/"):
            return
        writer, line, headers = call.args[:3]
        value = web.parent_for(web.split_host(headers.get("Host", ""))[0])
        if value and "traceparent" not in headers:
            copied = headers.copy()
            copied["traceparent"] = value
            call.args = (writer, line, copied) + call.args[3:]

    guard.patch(
        module.StreamWriter, "write_headers", "aiohttp.headers", add_header, guard.nothing, guard.ignore,
        shape=guard.wrap_async,
    )  # fmt: skip
