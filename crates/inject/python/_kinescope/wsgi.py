"""The span of a WSGI request.

Owns: reading WSGI's environment. Never does: read the body, or change the environment.
"""

from . import web


def open_request(environ):
    """The request's span, or None where a server beside it has opened one."""
    if web.server_span() is not None:
        return None
    host, port = web.split_host(environ.get("HTTP_HOST", ""))
    if not host:
        host, port = environ.get("SERVER_NAME"), environ.get("SERVER_PORT")
    scheme = environ.get("wsgi.url_scheme", "http")
    path = (environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")).encode("latin-1", "replace")
    return web.open_server(
        environ.get("REQUEST_METHOD", "GET"),
        path.decode("utf-8", "replace"),
        environ.get("QUERY_STRING"),
        scheme,
        host,
        port or web.PORTS.get(scheme),
        environ.get("REMOTE_ADDR"),
        environ.get("SERVER_PROTOCOL", "").partition("/")[2] or None,
        environ.get("HTTP_USER_AGENT"),
        environ.get("HTTP_TRACEPARENT"),
    )


def status_watcher(start_response, span):
    """`start_response` that also notes the status."""

    def noted(status, headers, exc_info=None):
        try:
            web.answered(span, int(status[:3]))
        except (TypeError, ValueError):
            pass
        return start_response(status, headers) if exc_info is None else start_response(status, headers, exc_info)

    return noted
