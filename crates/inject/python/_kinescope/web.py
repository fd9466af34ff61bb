"""What all HTTP spans share, on both sides.

Owns: attributes of requests and answers, which header names a parent, and which hosts get ours.
Never does: change an object that the program can look at.
"""

from . import place, spans, state

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"))
CLIENT, SERVER = "http.client", "http.server"
URL_MAX = 4 * 1024
PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def method_name(method):
    """The method in capitals; one that HTTP does not know is `HTTP`, so that names stay few."""
    if isinstance(method, bytes):
        method = method.decode("latin-1")
    upper = str(method).upper()
    return upper if upper in METHODS else "HTTP"


def open_server(method, path, query, scheme, host, port, client, version, agent, traceparent):
    """The span of one request. None where the innermost span is already that of a server."""
    name = method_name(method)
    attributes = {
        "http.request.method": name if name != "HTTP" else "_OTHER",
        "url.path": spans.cut(path or "/", URL_MAX),
        "url.query": spans.cut(query, URL_MAX) if query else None,
        "url.scheme": scheme,
        "server.address": host,
        "server.port": as_port(port),
        "client.address": client,
        "network.protocol.version": version,
        "user_agent.original": spans.cut(agent, 1024) if agent else None,
    }
    if name == "HTTP":
        attributes["http.request.method_original"] = spans.cut(str(method), 64)
    remote = state.read_traceparent(traceparent) if traceparent else None
    return spans.open_span(name, spans.SERVER, attributes, SERVER, remote)


def server_span():
    """The open span of this request, or None."""
    found = spans.current.get()
    while found is not None and found.role != SERVER:
        if found.role is not None:
            return None
        found = found.parent
    return found if found is not None and not found.ended else None


def routed(span, route, handler):
    """Adds the route's template and the handler."""
    if route:
        span.set("http.route", spans.cut(route, 512))
        span.name = "%s %s" % (span.name.partition(" ")[0], spans.cut(route, 512))
    if handler is not None:
        place.of_function(handler, span.attributes)


def answered(span, status):
    """Adds the status of a server's answer."""
    if span.ended or not isinstance(status, int):
        return
    span.set("http.response.status_code", int(status))
    if status >= 500:
        span.status = 2
        span.attributes.setdefault("error.type", str(int(status)))


def open_client(method, url, frame):
    """The span of one request that the program sends. None for what it exports to the engine by itself."""
    name = method_name(method)
    scheme, host, port, full = split(url)
    if is_engine(host, port):
        return None
    attributes = {
        "http.request.method": name if name != "HTTP" else "_OTHER",
        "url.full": full,
        "server.address": host,
        "server.port": port,
    }
    return spans.open_call(name, spans.CLIENT, attributes, frame, CLIENT)


def received(span, status):
    """Adds the status of the answer that a client got."""
    if span is None or span.ended or not isinstance(status, int):
        return
    span.set("http.response.status_code", int(status))
    if status >= 400:
        span.status = 2
        span.set("error.type", str(int(status)))


def split(url):
    """Scheme, host, port and the whole without user and password."""
    url = spans.cut(url if isinstance(url, str) else str(url), URL_MAX)
    scheme, found, rest = url.partition("://")
    if not found:
        return None, None, None, url
    end = min([at for at in (rest.find(mark) for mark in "/?#") if at >= 0] or [len(rest)])
    authority, tail = rest[:end], rest[end:]
    authority = authority.rpartition("@")[2]
    host, port = split_host(authority)
    return scheme, host, port or PORTS.get(scheme.lower()), "%s://%s%s" % (scheme, authority, tail)


def split_host(authority):
    """Host and port of `host:port` or `[address]:port`; the port is None if there is none."""
    if authority.startswith("["):
        host, _, tail = authority[1:].partition("]")
        return host, as_port(tail.lstrip(":"))
    host, _, port = authority.partition(":")
    return host, as_port(port)


def as_port(port):
    try:
        return int(port) if port not in (None, "") else None
    except (TypeError, ValueError):
        return None


def takes_parent(host):
    """Whether requests to this host carry our `traceparent`: it is this machine, or a name without a dot."""
    if not isinstance(host, str) or not host:
        return False
    host = host.strip("[]").lower()
    if host == "localhost" or host == "::1" or host.endswith(".localhost"):
        return True
    if host.startswith("127.") and host.replace(".", "").isdigit():
        return True
    return "." not in host and ":" not in host


def is_engine(host, port):
    """Whether spans go to this address, by whatever exporter: it is the engine's, under any name of this machine."""
    address = state.otlp_address.partition("://")[2]
    return bool(address) and split_host(address.rstrip("/"))[1] == port and is_here(host)


def is_here(host):
    """Whether a host's name means this machine."""
    host = host.strip("[]").lower() if isinstance(host, str) else ""
    return host in ("localhost", "::1") or host.startswith("127.") or host.endswith(".localhost")


def parent_for(host):
    """The `traceparent` to send to a host, or None."""
    span = spans.current.get()
    if span is None or span.ended or span.role != CLIENT or not takes_parent(host):
        return None
    return span.traceparent()
