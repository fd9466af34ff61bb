"""Describes an error for a span.

Owns: the attributes of the event `exception`. Never does: show a frame of the bootstrap, or fail because the error's
own `__str__` does.
"""

from . import guard, place

MESSAGE_MAX = 4 * 1024
STACK_MAX = 16 * 1024
FRAMES_MAX = 100
CAUSES_MAX = 8


def type_name(error):
    kind = type(error)
    module = kind.__module__
    return kind.__qualname__ if module in ("builtins", "__main__") else "%s.%s" % (module, kind.__qualname__)


def message(error):
    try:
        return str(error)[:MESSAGE_MAX]
    except Exception as own:
        if guard.is_programs(own):
            raise
        return ""


def describe(error, from_project=False):
    """The event's attributes."""
    attributes = {"exception.type": type_name(error), "exception.message": message(error)}
    attributes["exception.stacktrace"] = stack(error, from_project)
    place.of_error(error, attributes)
    return attributes


def stack(error, from_project=False):
    """The traceback as Python prints it; of a long one the end, which has the line that raised."""
    parts, seen = [], set()
    while error is not None and id(error) not in seen and len(seen) < CAUSES_MAX:
        seen.add(id(error))
        parts.append(_one(error, from_project))
        if error.__cause__ is not None:
            error = error.__cause__
            parts.append("\nThe above exception was the direct cause of the following exception:\n\n")
        elif error.__context__ is not None and not error.__suppress_context__:
            error = error.__context__
            parts.append("\nDuring handling of the above exception, another exception occurred:\n\n")
        else:
            error = None
    text = "".join(reversed(parts))
    return text if len(text) <= STACK_MAX else "…" + text[-(STACK_MAX - 1) :]


def _first(trace, from_project):
    """Where the listing begins: at the project's first frame, if it has one and that is asked for."""
    at = trace
    while from_project and at is not None:
        if place.project_path(at.tb_frame.f_code.co_filename) is not None:
            return at
        at = at.tb_next
    return trace


def _one(error, from_project):
    import linecache

    lines, trace = [], _first(error.__traceback__, from_project)
    while trace is not None:
        code = trace.tb_frame.f_code
        if not code.co_filename.startswith(guard.MARK):
            source = linecache.getline(code.co_filename, trace.tb_lineno).strip()
            lines.append('  File "%s", line %d, in %s\n' % (code.co_filename, trace.tb_lineno, code.co_name))
            if source:
                lines[-1] += "    %s\n" % source[:400]
        trace = trace.tb_next
    left_out = len(lines) - FRAMES_MAX
    if left_out > 0:
        half = FRAMES_MAX // 2
        lines[half : half + left_out] = ["  (%d frames left out)\n" % left_out]
    head = "Traceback (most recent call last):\n" if lines else ""
    said = message(error)
    return "%s%s%s%s\n" % (head, "".join(lines), type_name(error), ": " + said if said else "")
