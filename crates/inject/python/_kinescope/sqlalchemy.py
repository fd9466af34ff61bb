"""Spans of SQLAlchemy's statements where its driver makes none.

Owns: the decision which of the two speaks. Never does: double a statement.
"""

import sys

from . import guard, spans, statements

# Drivers whose own modules are patched.
PATCHED_DRIVERS = frozenset(("pysqlite", "aiosqlite", "psycopg2", "psycopg", "psycopg_async", "pysqlcipher"))
SYSTEMS = {"postgresql": "postgresql", "mysql": "mysql", "mariadb": "mariadb", "sqlite": "sqlite", "oracle": "oracle.db",
           "mssql": "microsoft.sql_server"}  # fmt: skip


def on_default(module):
    def execute(call):
        open_for(call, None)

    def execute_many(call):
        open_for(call, call.args[3] if len(call.args) > 3 else None)

    dialect = module.DefaultDialect
    guard.patch(dialect, "do_execute", "sqlalchemy.execute", execute)
    guard.patch(dialect, "do_execute_no_params", "sqlalchemy.execute", execute)
    guard.patch(dialect, "do_executemany", "sqlalchemy.executemany", execute_many)


def open_for(call, many):
    dialect = call.args[0]
    if getattr(dialect, "driver", "") in PATCHED_DRIVERS or spans.within("db"):
        return
    system = SYSTEMS.get(dialect.name, "other_sql")
    call.span = statements.open_statement(system, call.args[2], sys._getframe(2), {}, many)


def on_aiosqlite(module):
    """Its statements run in a thread of the connection: the span that asked goes along."""

    def carry(call):
        span = spans.innermost()
        if span is None or len(call.args) < 2:
            return
        function = call.args[1]

        def enter(inner):
            inner.note = spans.current.set(span)

        def leave(inner, error=None):
            spans.current.reset(inner.note)

        carried = guard.wrap(function, "aiosqlite.run", enter, leave, leave)
        call.args = (call.args[0], carried) + call.args[2:]

    guard.patch(module.Connection, "_execute", "aiosqlite.execute", carry, shape=guard.wrap_async)
