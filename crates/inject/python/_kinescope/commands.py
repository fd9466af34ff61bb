"""Spans of the commands that a program starts.

Owns: the span of a child from its start to the moment at which the program learns its end.
Never does: change the environment that the program passed: the child gets a copy with its parent's ids, and only
where the recording variables are in it.
"""

import os
import sys

from . import guard, spans

ARGUMENTS_BYTES_MAX = 4 * 1024
OPEN_MAX = 10_000
_open = {}  # id of a Popen -> span


def on_subprocess(module):
    def start(call):
        arguments = call.args[1] if len(call.args) > 1 else call.kwargs.get("args")
        words = words_of(arguments, call.kwargs.get("shell"))
        executable = call.kwargs.get("executable") or (words[0] if words else "?")
        name = os.path.basename(text_of(executable)) or "?"
        attributes = {"process.executable.name": name, "process.command_args": bounded(words)}
        call.span = spans.open_call(name, spans.INTERNAL, attributes, sys._getframe(2))
        pass_parent(call)

    def started(call):
        span, popen = call.span, call.args[0]
        span.deactivate()
        span.set("process.pid", popen.pid)
        if popen.returncode is None and len(_open) < OPEN_MAX:
            _open[id(popen)] = span
        else:
            ended(span, popen.returncode)

    def observed(call):
        popen = call.args[0]
        if popen.returncode is not None:
            finish(popen, popen.returncode)

    guard.patch(module.Popen, "__init__", "commands.start", start, started)
    guard.patch(module.Popen, "_handle_exitstatus", "commands.end", guard.nothing, observed, guard.ignore)
    guard.patch(module.Popen, "__del__", "commands.drop", guard.nothing, drop, guard.ignore)


def on_asyncio(module):
    """`asyncio` waits for its children by itself."""

    def observed(call):
        popen = getattr(call.args[0], "_proc", None)
        if popen is not None:
            finish(popen, call.args[1])

    guard.patch(module.BaseSubprocessTransport, "_process_exited", "commands.asyncio", observed, guard.nothing, guard.ignore)


def finish(popen, code):
    span = _open.pop(id(popen), None)
    if span is not None:
        ended(span, code)


def drop(call):
    """Nothing asks for the child's end any more."""
    span = _open.pop(id(call.args[0]), None)
    if span is not None:
        span.end()


def ended(span, code):
    if code is not None:
        span.set("process.exit.code", code)
        if code != 0:
            span.status = 2
            span.attributes.setdefault("error.type", str(code))
    span.end()


def pass_parent(call):
    """Gives the child the span as its parent, in a copy of its environment."""
    if len(call.args) > 10:
        return
    environment = call.kwargs.get("env")
    if environment is None:
        environment = os.environ
    if "KINO_CHANNEL" not in environment:
        return
    copied = dict(environment)
    copied["TRACEPARENT"] = call.span.traceparent()
    call.kwargs["env"] = copied


def words_of(arguments, shell):
    """The child's arguments as texts."""
    if isinstance(arguments, (str, bytes)) or hasattr(arguments, "__fspath__"):
        words = [text_of(arguments)]
    elif isinstance(arguments, (list, tuple)):
        words = [text_of(each) for each in arguments[:256]]
    else:
        # An iterator must reach the child whole.
        words = []
    return ["/bin/sh", "-c"] + words if shell else words


def bounded(words):
    """The first arguments within the bound; a mark where some are missing."""
    found, size = [], 0
    for word in words:
        word = spans.cut(word, ARGUMENTS_BYTES_MAX)
        size += len(word)
        if size > ARGUMENTS_BYTES_MAX:
            return found + ["…"]
        found.append(word)
    return found


def text_of(value):
    if isinstance(value, str):
        return value
    try:
        return os.fsdecode(value)
    except TypeError:
        return "?"
