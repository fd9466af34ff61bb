"""Spans of Django's requests, over WSGI, ASGI and its test client.

Owns: the server span of what a handler answers. Never does: add middleware, or touch settings.
"""

from . import guard, web, wsgi


def on_base(module):
    def request(call):
        asked = call.args[1]
        environ = asked.META
        if "wsgi.url_scheme" not in environ:
            environ = dict(environ)
            environ["wsgi.url_scheme"] = asked.scheme or "http"
            environ.setdefault("PATH_INFO", asked.path_info)
        call.span = wsgi.open_request(environ)

    def answered(call):
        span = call.span or web.server_span()
        if span is None:
            return
        asked = call.args[1]
        match = getattr(asked, "resolver_match", None)
        if match is not None:
            route = getattr(match, "route", None)
            if route and route[0] not in "/^":
                route = "/" + route
            web.routed(span, route, view_of(match.func, asked.method))
        web.answered(span, call.result.status_code)
        if call.span is not None:
            call.span.end()

    handler = module.BaseHandler
    guard.patch(handler, "get_response", "django.response", request, answered)
    guard.patch(handler, "get_response_async", "django.response_async", request, answered, shape=guard.wrap_async)


def on_exception(module):
    def failure(call):
        span = web.server_span()
        error = call.args[2][1] if len(call.args) > 2 else None
        if span is not None and isinstance(error, BaseException):
            span.record(error)

    guard.patch(module, "handle_uncaught_exception", "django.exception", failure, guard.nothing, guard.ignore)


def view_of(view, method):
    """The method of a class-based view that answers."""
    made = getattr(view, "view_class", None) or getattr(view, "cls", None)
    if made is None:
        return view
    return getattr(made, str(method).lower(), None) or view
