"""Spans of `sqlite3`: connections and statements.

Owns: two classes with the names of `sqlite3.Connection` and `sqlite3.Cursor`, put in their place. The originals are
written in C and take no patch; a subclass in the same place gives equal `type()`, `isinstance` and `repr`.
Never does: add an attribute that a program can see. What a connection is connected to is in a slot without a name.
What differs: `__mro__` has one entry more, and messages of `AttributeError` say `'Connection'` where C said
`'sqlite3.Connection'`.
"""

import sys

from . import guard, statements


def on_sqlite(module):
    original_connection, original_cursor = module.Connection, module.Cursor
    cursor_class, _ = same_class(original_cursor, {})
    connection_class, database = same_class(original_connection, {"_kino_database": None})

    def use_cursor(call):
        if len(call.args) == 1 and not call.kwargs:
            call.args = (call.args[0], cursor_class)

    def attributes_of(connection):
        try:
            return {"db.namespace": database.__get__(connection)}
        except AttributeError:
            return {}

    def on_cursor(call):
        base = attributes_of(call.args[0].connection)
        call.span = statements.open_statement("sqlite", call.args[1], sys._getframe(2), base)

    def on_cursor_many(call):
        base = attributes_of(call.args[0].connection)
        call.span = statements.open_statement("sqlite", call.args[1], sys._getframe(2), base, call.args[2])

    def on_connection(call):
        base = attributes_of(call.args[0])
        call.span = statements.open_statement("sqlite", call.args[1], sys._getframe(2), base)

    def on_connection_many(call):
        base = attributes_of(call.args[0])
        call.span = statements.open_statement("sqlite", call.args[1], sys._getframe(2), base, call.args[2])

    def connect(call):
        target = call.args[0] if call.args else call.kwargs.get("database")
        call.note = name_of(target)
        if len(call.args) < 6 and call.kwargs.get("factory", original_connection) is original_connection:
            call.kwargs["factory"] = connection_class
        call.span = statements.open_connect("sqlite", sys._getframe(2), {"db.namespace": call.note})

    def connected(call):
        if isinstance(call.result, connection_class):
            database.__set__(call.result, call.note)
        call.span.end()

    define(connection_class, original_connection, "cursor", use_cursor)
    for name, before, through in (
        ("execute", on_cursor, on_connection),
        ("executemany", on_cursor_many, on_connection_many),
        ("executescript", on_cursor, on_connection),
    ):
        define(cursor_class, original_cursor, name, before)
        if sys.version_info >= (3, 11):
            # From here on, these methods of C make their cursor without asking `cursor`.
            define_through(connection_class, original_connection, cursor_class, original_cursor, name, through)
    module.Connection, module.Cursor = connection_class, cursor_class
    guard.patch(module, "connect", "sqlite.connect", connect, connected)
    # The name by which the function is pickled.
    sys.modules["_sqlite3"].connect = module.connect


def define_through(made, original, cursor_class, original_cursor, name, before):
    """Lets a connection's own method use our cursor, as the method of C does with its own."""
    make, run = original.cursor, getattr(original_cursor, name)

    def execute(connection, *args, **kwargs):
        cursor = make(connection, cursor_class)
        run(cursor, *args, **kwargs)
        return cursor

    wrapper = guard.wrap(execute, "sqlite." + name, before)
    setattr(made, name, guard.disguise(wrapper, getattr(original, name)))


def name_of(target):
    if isinstance(target, bytes):
        return target.decode("utf-8", "replace")
    return target if isinstance(target, str) else str(target)


def same_class(original, slots):
    """A subclass that looks like its base. `slots` become descriptors that are returned, and not in the class."""
    namespace = {
        "__slots__": tuple(slots),
        "__module__": original.__module__,
        "__qualname__": original.__qualname__,
        "__doc__": original.__doc__,
    }
    made = type(original)(original.__name__, (original,), namespace)
    hidden = None
    for name in slots:
        hidden = vars(made)[name]
        delattr(made, name)
    try:
        del made.__slots__
    except AttributeError:
        pass
    return made, hidden


def define(made, original, name, before):
    """Overrides a method of a class in C."""
    place = "%s.%s" % (made.__module__, name)
    setattr(made, name, guard.wrap(getattr(original, name), place, before))
