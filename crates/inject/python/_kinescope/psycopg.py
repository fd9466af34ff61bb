"""Spans of psycopg 2 and 3: connections and statements.

Owns: for psycopg 3, patches of its Python methods; for psycopg 2, whose classes are written in C, subclasses in their
place, as `sqlite` does. Never does: ask the server anything.
"""

import sys
import weakref

from . import guard, sqlite, statements, web

SYSTEM = "postgresql"
_connections = weakref.WeakKeyDictionary()  # connection of psycopg 3 -> attributes


def about(connection):
    """What an open connection of psycopg 3 is connected to."""
    found = _connections.get(connection)
    if found is None:
        info = connection.info
        found = {"db.namespace": info.dbname, "server.address": info.host, "server.port": info.port}
        _connections[connection] = found
    return found


def query_text(query, connection):
    if isinstance(query, (str, bytes)):
        return query
    as_string = getattr(query, "as_string", None)
    if as_string is not None:
        return as_string(connection)
    return "?"


def execute(call):
    cursor, query = call.args[0], call.args[1] if len(call.args) > 1 else call.kwargs["query"]
    connection = cursor.connection
    text = query_text(query, connection)
    call.span = statements.open_statement(SYSTEM, text, sys._getframe(2), about(connection))


def execute_many(call):
    cursor, query = call.args[0], call.args[1] if len(call.args) > 1 else call.kwargs["query"]
    sets = call.args[2] if len(call.args) > 2 else call.kwargs.get("params_seq", ())
    connection = cursor.connection
    text = query_text(query, connection)
    call.span = statements.open_statement(SYSTEM, text, sys._getframe(2), about(connection), sets)


def connect(call):
    given = call.kwargs.get("conninfo") or (call.args[1] if len(call.args) > 1 else "")
    call.span = statements.open_connect(SYSTEM, sys._getframe(2), from_text(given, call.kwargs))


def connected(call):
    if call.span is not None:
        call.span.attributes.update(about(call.result))
        call.span.end()


def on_cursor(module):
    guard.patch(module.Cursor, "execute", "psycopg.execute", execute)
    guard.patch(module.Cursor, "executemany", "psycopg.executemany", execute_many)


def on_server_cursor(module):
    guard.patch(module.ServerCursor, "execute", "psycopg.execute", execute)


def on_cursor_async(module):
    guard.patch(module.AsyncCursor, "execute", "psycopg.execute", execute, shape=guard.wrap_async)
    guard.patch(module.AsyncCursor, "executemany", "psycopg.executemany", execute_many, shape=guard.wrap_async)


def on_server_cursor_async(module):
    guard.patch(module.AsyncServerCursor, "execute", "psycopg.execute", execute, shape=guard.wrap_async)


def on_connection(module):
    guard.patch(module.Connection, "connect", "psycopg.connect", connect, connected)


def on_connection_async(module):
    guard.patch(module.AsyncConnection, "connect", "psycopg.connect", connect, connected, shape=guard.wrap_async)


def from_text(text, named):
    """Host, port and database of a connection string and named parameters; never user or password."""
    found = {}
    text = text if isinstance(text, str) else ""
    if "://" in text:
        rest = text.partition("://")[2]
        authority, _, path = rest.partition("/")
        host, port = web.split_host(authority.rpartition("@")[2])
        found = {"host": host, "port": port, "dbname": path.partition("?")[0]}
    else:
        for word in text.split():
            name, equals, value = word.partition("=")
            if equals:
                found[name] = value.strip("'")
    for name in ("host", "port", "dbname"):
        if named.get(name) is not None:
            found[name] = named[name]
    database = named.get("database") or found.get("dbname")
    port = str(found.get("port") or "")
    return {
        "db.namespace": str(database) if database else None,
        "server.address": str(found["host"]) if found.get("host") else None,
        "server.port": int(port) if port.isdigit() else None,
    }


def on_psycopg2(module):
    """`psycopg2.extensions` is where programs and `psycopg2.extras` take the classes from."""
    original_connection, original_cursor = module.connection, module.cursor
    cursor_class, _ = sqlite.same_class(original_cursor, {})
    connection_class, target = sqlite.same_class(original_connection, {"_kino_target": None})

    def base_of(cursor):
        try:
            return target.__get__(cursor.connection)
        except AttributeError:
            return {}

    def run(call):
        cursor = call.args[0]
        query = call.args[1] if len(call.args) > 1 else call.kwargs["query"]
        text = query_text(query, cursor)
        call.span = statements.open_statement(SYSTEM, text, sys._getframe(2), base_of(cursor))

    def run_many(call):
        cursor = call.args[0]
        query = call.args[1] if len(call.args) > 1 else call.kwargs["query"]
        sets = call.args[2] if len(call.args) > 2 else call.kwargs.get("vars_list", ())
        text = query_text(query, cursor)
        call.span = statements.open_statement(SYSTEM, text, sys._getframe(2), base_of(cursor), sets)

    def use_cursor(call):
        if len(call.args) < 3 and call.kwargs.get("cursor_factory") is None and call.args[0].cursor_factory is None:
            call.kwargs["cursor_factory"] = cursor_class

    sqlite.define(connection_class, original_connection, "cursor", use_cursor)
    sqlite.define(cursor_class, original_cursor, "execute", run)
    sqlite.define(cursor_class, original_cursor, "executemany", run_many)
    module.connection, module.cursor = connection_class, cursor_class

    def open_connection(call):
        dsn = call.args[0] if call.args else call.kwargs.get("dsn")
        call.note = from_text(dsn, call.kwargs)
        if call.kwargs.get("connection_factory") is None and len(call.args) < 2:
            call.kwargs["connection_factory"] = connection_class
        call.span = statements.open_connect(SYSTEM, sys._getframe(2), call.note)

    def opened(call):
        if isinstance(call.result, connection_class):
            target.__set__(call.result, call.note)
        call.span.end()

    package = sys.modules["psycopg2"]
    _pending.append((package, open_connection, opened))


_pending = []


def on_psycopg2_package(module):
    """`psycopg2._connect` is the function of C that opens a connection for `psycopg2.connect`."""
    for package, before, after in _pending:
        if package is module:
            guard.patch(module, "_connect", "psycopg2.connect", before, after)
    _pending.clear()
