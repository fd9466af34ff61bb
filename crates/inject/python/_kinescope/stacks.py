"""Leaves the bootstrap out of listings of the live stack.

Owns: `traceback.walk_stack` and `inspect.getouterframes`, which all of the standard library's listings use.
Never does: touch tracebacks of errors: these have no frame of the bootstrap (see `guard`).
"""

from . import guard


def on_traceback(module):
    original = module.walk_stack

    def walk_stack(f):
        if f is None:
            return original(f)
        return _without_ours(f)

    module.walk_stack = guard.disguise(walk_stack, original)


def _without_ours(frame):
    while frame is not None:
        if not frame.f_code.co_filename.startswith(guard.MARK):
            yield frame, frame.f_lineno
        frame = frame.f_back


def on_inspect(module):
    def leave_out(call):
        call.result = [entry for entry in call.result if not entry.filename.startswith(guard.MARK)]

    guard.patch(module, "getouterframes", "stacks.inspect", guard.nothing, leave_out, always=True)
