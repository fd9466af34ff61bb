"""Spans of redis: commands, pipelines and connections, synchronous and asynchronous.

Owns: what is shown of a command: its name and its keys; values become `?`. Never does: send a command.
"""

import sys

from . import guard, place, spans

TEXT_MAX = 4 * 1024
COMMANDS_MAX = 64
# How many of a command's first arguments are keys; every other command has one, these have another number.
KEYS = {"PING": 0, "AUTH": 0, "HELLO": 0, "ECHO": 0, "SELECT": 1, "EVAL": 0, "EVALSHA": 0, "SCRIPT": 0, "PUBLISH": 1,
        "FLUSHALL": 0, "FLUSHDB": 0, "CLIENT": 0, "CONFIG": 0, "ACL": 0, "SCAN": 0, "KEYS": 0, "INFO": 0}  # fmt: skip
ALL_KEYS = frozenset(("DEL", "UNLINK", "EXISTS", "MGET", "TOUCH", "SUNION", "SINTER", "SDIFF", "WATCH", "PFCOUNT", "RENAME"))
EVERY_OTHER_KEY = frozenset(("MSET", "MSETNX"))


def on_client(module):
    guard.patch(module.Redis, "execute_command", "redis.command", command)
    guard.patch(module.Pipeline, "immediate_execute_command", "redis.command", command)
    guard.patch(module.Pipeline, "execute", "redis.pipeline", pipeline)


def on_async_client(module):
    guard.patch(module.Redis, "execute_command", "redis.command", command, shape=guard.wrap_async)
    guard.patch(module.Pipeline, "immediate_execute_command", "redis.command", command, shape=guard.wrap_async)
    guard.patch(module.Pipeline, "execute", "redis.pipeline", pipeline, shape=guard.wrap_async)


def on_connection(module):
    for name in ("Connection", "UnixDomainSocketConnection"):
        guard.patch(getattr(module, name), "_connect", "redis.connect", connect)


def on_async_connection(module):
    for name in ("Connection", "UnixDomainSocketConnection"):
        guard.patch(getattr(module, name), "_connect", "redis.connect", connect, shape=guard.wrap_async)


def command(call):
    if spans.within("redis"):
        return
    name, text = describe(call.args[1:])
    call.span = open_command(name, text, call.args[0])


def pipeline(call):
    pipe = call.args[0]
    stack = pipe.command_stack
    if not stack:
        return
    described = [describe(command_of(each)) for each in list(stack)[:COMMANDS_MAX]]
    names = {name for name, _ in described}
    name = "PIPELINE" if len(names) != 1 or len(stack) > COMMANDS_MAX else "PIPELINE " + names.pop()
    call.span = open_command(name, "\n".join(text for _, text in described), pipe)
    call.span.set("db.operation.batch.size", len(stack))


def command_of(entry):
    """The arguments of one queued command, in any of the library's versions."""
    return getattr(entry, "args", None) or entry[0]


def open_command(name, text, client):
    given = getattr(client.connection_pool, "connection_kwargs", {})
    attributes = {
        "db.system.name": "redis",
        "db.query.text": spans.cut(text, TEXT_MAX),
        "db.operation.name": name,
        "db.namespace": str(given.get("db") or 0),
        "server.address": given.get("host") or given.get("path"),
        "server.port": given.get("port"),
    }
    return spans.open_call(name, spans.CLIENT, attributes, sys._getframe(3), "redis")


def connect(call):
    connection = call.args[0]
    attributes = {
        "db.system.name": "redis",
        "db.namespace": str(getattr(connection, "db", 0) or 0),
        "server.address": getattr(connection, "host", None) or getattr(connection, "path", None),
        "server.port": getattr(connection, "port", None),
    }
    span = spans.Span("connect", spans.CLIENT, attributes, spans.innermost())
    place.of_caller(sys._getframe(2), attributes)
    call.span = span.activate()


def describe(arguments):
    """Name, and the command with its keys."""
    words = [as_text(word) for word in arguments[:COMMANDS_MAX]]
    name = words[0].upper()[:32] if words else "?"
    rest = words[1:]
    head = name.partition(" ")[0]
    if head in ALL_KEYS:
        shown = rest
    elif head in EVERY_OTHER_KEY:
        shown = [word if index % 2 == 0 else "?" for index, word in enumerate(rest)]
    else:
        keys = KEYS.get(head, 1)
        shown = rest[:keys] + ["?"] * (len(rest) - keys)
    if len(arguments) > COMMANDS_MAX:
        shown.append("…")
    return name, " ".join([name] + [spans.cut(word, 256) for word in shown])


def as_text(value):
    if isinstance(value, str):
        return value
    if isinstance(value, (bytes, bytearray)):
        return bytes(value[:1024]).decode("utf-8", "replace")
    return str(value) if isinstance(value, (int, float)) else "?"
