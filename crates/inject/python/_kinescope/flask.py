"""Spans of Flask's requests.

Owns: the server span of an application that is called directly or by any WSGI server, with route and view.
Never does: wrap the application's own functions.
"""

import sys

from . import guard, web, wsgi


def on_flask(module):
    application = module.Flask

    def request(call):
        call.span = wsgi.open_request(call.args[1])

    def dispatch(call):
        span = web.server_span()
        if span is None:
            return
        request = sys.modules["flask.globals"].request
        rule = getattr(request, "url_rule", None)
        if rule is not None:
            web.routed(span, rule.rule, view_of(call.args[0].view_functions.get(rule.endpoint)))

    def answered(call):
        span = web.server_span()
        if span is not None:
            web.answered(span, call.result.status_code)

    def failure(call):
        span = web.server_span()
        error = call.args[-1] if len(call.args) > 1 else call.kwargs.get("e")
        if span is not None and isinstance(error, BaseException):
            span.record(error)

    guard.patch(application, "__call__", "flask.call", request)
    guard.patch(application, "full_dispatch_request", "flask.dispatch", dispatch, guard.nothing, guard.ignore)
    guard.patch(application, "finalize_request", "flask.finalize", guard.nothing, answered, guard.ignore)
    guard.patch(application, "handle_exception", "flask.exception", failure, guard.nothing, guard.ignore)


def view_of(view):
    """The class of a view that was made of one."""
    made = getattr(view, "view_class", None)
    if made is None:
        return view
    return getattr(made, "dispatch_request", view)
