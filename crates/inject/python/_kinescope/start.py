"""Begins the bootstrap in one process.

Owns: the order of its steps, and the table of which module patches which library.
Never does: load the module of a library that the program does not import.
"""

import os
import sys

from . import tools

# Library's module -> module of the bootstrap that patches it, and its function.
LIBRARIES = {
    "threading": ("threads", "on_threading"),
    "concurrent.futures.thread": ("threads", "on_executor"),
    "multiprocessing.spawn": ("threads", "on_spawn"),
    "traceback": ("stacks", "on_traceback"),
    "inspect": ("stacks", "on_inspect"),
    "subprocess": ("commands", "on_subprocess"),
    "asyncio.base_subprocess": ("commands", "on_asyncio"),
    "sqlite3.dbapi2": ("sqlite", "on_sqlite"),
    "http.client": ("http_client", "on_http_client"),
    "urllib.request": ("http_client", "on_urllib"),
    "urllib3.connectionpool": ("http_client", "on_urllib3"),
    "requests.sessions": ("http_client", "on_requests"),
    "http.server": ("http_server", "on_http_server"),
    "flask.app": ("flask", "on_flask"),
    "starlette.applications": ("asgi", "on_starlette"),
    "starlette.routing": ("asgi", "on_routing"),
    "fastapi.routing": ("asgi", "on_fastapi"),
    "django.core.handlers.base": ("django", "on_base"),
    "django.core.handlers.exception": ("django", "on_exception"),
    "aiohttp.web_app": ("aiohttp", "on_application"),
    "aiohttp.client": ("aiohttp", "on_client"),
    "aiohttp.http_writer": ("aiohttp", "on_writer"),
    "httpx._client": ("httpx", "on_client"),
    "httpcore._sync.http11": ("httpx", "on_wire"),
    "httpcore._async.http11": ("httpx", "on_async_wire"),
    "psycopg.cursor": ("psycopg", "on_cursor"),
    "psycopg._server_cursor": ("psycopg", "on_server_cursor"),
    "psycopg.cursor_async": ("psycopg", "on_cursor_async"),
    "psycopg._server_cursor_async": ("psycopg", "on_server_cursor_async"),
    "psycopg.connection": ("psycopg", "on_connection"),
    "psycopg.connection_async": ("psycopg", "on_connection_async"),
    "psycopg2.extensions": ("psycopg", "on_psycopg2"),
    "psycopg2": ("psycopg", "on_psycopg2_package"),
    "asyncpg.connection": ("asyncpg", "on_connection"),
    "asyncpg.prepared_stmt": ("asyncpg", "on_prepared"),
    "sqlalchemy.engine.default": ("sqlalchemy", "on_default"),
    "aiosqlite.core": ("sqlalchemy", "on_aiosqlite"),
    "redis.client": ("redis", "on_client"),
    "redis.asyncio.client": ("redis", "on_async_client"),
    "redis.connection": ("redis", "on_connection"),
    "redis.asyncio.connection": ("redis", "on_async_connection"),
    "_pytest.runner": ("testing", "on_runner"),
    "_pytest.reports": ("testing", "on_reports"),
    "pytest_timeout": ("testing", "on_timeout"),
    "unittest.case": ("testing", "on_unittest"),
    "unittest.result": ("testing", "on_result"),
    "opentelemetry.trace": ("otel", "on_api"),
    "opentelemetry.sdk.trace": ("otel", "on_sdk"),
}


def begin(finder, folder):
    """Whether the bootstrap stays in this process."""
    if tools.is_tool():
        return False
    from . import channel, spans, state

    state.read_environment(os.environ)
    channel.open_channel()
    os.register_at_fork(after_in_child=spans.after_fork)
    for name, (module, function) in LIBRARIES.items():
        finder.when_imported(name, later(module, function))
    if os.environ.get("KINO_LINES"):
        begin_lines(os.environ["KINO_LINES"])
    return True


def begin_lines(text):
    """What goes wrong with lines costs no spans."""
    from . import channel, lines

    try:
        lines.begin(text)
    except Exception as error:
        channel.report("lines.begin: " + type(error).__name__)


def later(module, function):
    """Loads the patching module when its library has been imported."""

    def patch(library):
        __import__("_kinescope." + module)
        getattr(sys.modules["_kinescope." + module], function)(library)

    return patch
