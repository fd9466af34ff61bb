"""Spans of asyncpg: connections and statements, prepared ones and those of a pool included.

Owns: patches of its Python methods. Never does: double a statement that SQLAlchemy passes on, or ask the server anything.
"""

import sys

from . import guard, psycopg, spans, statements

METHODS = ("execute", "fetch", "fetchval", "fetchrow", "fetchmany")


def on_connection(module):
    for name in METHODS:
        guard.patch(module.Connection, name, "asyncpg." + name, execute, shape=guard.wrap_async)
    guard.patch(module.Connection, "executemany", "asyncpg.executemany", execute_many, shape=guard.wrap_async)
    guard.patch(module, "connect", "asyncpg.connect", connect, connected, shape=guard.wrap_async)


def on_prepared(module):
    for name in METHODS:
        guard.patch(module.PreparedStatement, name, "asyncpg.prepared", prepared, shape=guard.wrap_async)
    guard.patch(module.PreparedStatement, "executemany", "asyncpg.prepared", prepared_many, shape=guard.wrap_async)


def about(connection):
    """What an open connection is connected to; a socket's path has no port."""
    address = connection._addr
    host, port = address if isinstance(address, tuple) else (address, None)
    return {"db.namespace": connection._params.database, "server.address": host, "server.port": port}


def execute(call):
    open_for(call, call.args[0], given(call, 1, "query"))


def execute_many(call):
    open_for(call, call.args[0], given(call, 1, "command"), given(call, 2, "args"))


def prepared(call):
    open_for(call, call.args[0]._connection, call.args[0]._query)


def prepared_many(call):
    open_for(call, call.args[0]._connection, call.args[0]._query, given(call, 1, "args"))


def given(call, index, name):
    return call.args[index] if len(call.args) > index else call.kwargs[name]


def open_for(call, connection, text, many=None):
    # SQLAlchemy's span of the same statement is open.
    if not spans.within("db"):
        call.span = statements.open_statement(psycopg.SYSTEM, text, sys._getframe(3), about(connection), many)


def connect(call):
    dsn = call.args[0] if call.args else call.kwargs.get("dsn")
    call.span = statements.open_connect(psycopg.SYSTEM, sys._getframe(2), psycopg.from_text(dsn, call.kwargs))


def connected(call):
    if call.span is not None:
        call.span.attributes.update(about(call.result))
        call.span.end()
