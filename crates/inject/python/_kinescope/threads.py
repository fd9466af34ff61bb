"""Carries the current span into threads, executors and spawned processes.

Owns: the way from the call that starts work to the moment at which it runs. `asyncio` needs nothing: tasks copy the
context. Never does: change what the program passes in.
"""

from . import guard, spans, state

_starting = {}  # id of a thread that has not begun -> span that started it
STARTING_MAX = 100_000


def on_threading(module):
    def remember(call):
        span = spans.innermost()
        if span is not None and len(_starting) < STARTING_MAX:
            _starting[id(call.args[0])] = span

    def forget(call, error):
        _starting.pop(id(call.args[0]), None)

    def enter(call):
        span = _starting.pop(id(call.args[0]), None)
        if span is not None:
            spans.current.set(span)

    guard.patch(module.Thread, "start", "threads.start", remember, guard.nothing, forget)
    guard.patch(module.Thread, "_bootstrap", "threads.begin", enter, guard.nothing, guard.ignore)


def on_executor(module):
    carried = {}  # id of a piece of work -> span that submitted it

    def remember(call):
        span = spans.innermost()
        if span is not None and len(carried) < STARTING_MAX:
            carried[id(call.args[0])] = span

    def enter(call):
        span = carried.pop(id(call.args[0]), None)
        if span is not None:
            call.note = spans.current.set(span)

    def leave(call):
        if call.note is not None:
            spans.current.reset(call.note)

    item = module._WorkItem
    guard.patch(item, "__init__", "threads.submit", remember, guard.nothing, guard.ignore)
    guard.patch(item, "run", "threads.run", enter, leave, lambda call, error: leave(call))


def on_spawn(module):
    """A spawned process of `multiprocessing` learns its parent with the rest of its preparation."""

    def add(call):
        span = spans.innermost()
        if span is not None and isinstance(call.result, dict):
            call.result["kino.parent"] = (span.trace_id, span.span_id)

    def take(call):
        found = call.args[0].get("kino.parent") if call.args else None
        if found is not None:
            state.parent = tuple(found)

    guard.patch(module, "get_preparation_data", "threads.spawn", guard.nothing, add)
    guard.patch(module, "prepare", "threads.prepare", take, guard.nothing)
