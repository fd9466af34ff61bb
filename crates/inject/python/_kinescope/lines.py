"""Says which lines of changed files execute, where `kino run --lines` asks for it.

Owns: what `KINO_LINES` names, one file a line: `SIZE MTIME_NANOS FIRST-LAST,… PATH`, the path relative to the project.
Never does: look at any other file, or at a file that has changed since the run began: its lines are others by now. A
line is reported at its first execution, by one write, so that it survives any end of the process. A process says once
that it looks: a run in which none does has recorded no lines.

From CPython 3.12 on `sys.monitoring` switches each line off after its first execution. Before, `sys.settrace` looks at
these files alone, and only where no debugger or coverage tool has taken it.
"""

import os
import sys

from . import channel, state

FILE_BYTES_MAX = 1024 * 1024
# Identifiers of `sys.monitoring` that no debugger, coverage tool or profiler has by convention.
TOOLS = (3, 4)

_files = {}  # real path -> File
_known = {}  # the name of a file as code objects have it -> File or None
_started_in = ""
_disable = None  # what switches an event off at its place


class File:
    __slots__ = ("path", "left")

    def __init__(self, path, lines):
        self.path = path
        self.left = lines  # changed lines that have not executed


def begin(text):
    """Begins to look at the files that are as they were when the run began."""
    global _started_in
    _started_in = os.getcwd()
    for line in text.splitlines():
        _add(line)
    if not _files:
        return
    if not (_monitor() if hasattr(sys, "monitoring") else _trace_all()):
        return
    channel.write_watching()
    for name, file in list(_files.items()):
        _announce(name, file)


def _add(line):
    size, modified, ranges, path = line.split(" ", 3)
    if not path.endswith(".py"):
        return
    name = os.path.realpath(os.path.join(state.project_dir, path))
    try:
        about = os.stat(name)
    except OSError:
        return
    if about.st_size != int(size) or about.st_mtime_ns != int(modified) or about.st_size > FILE_BYTES_MAX:
        return
    lines = set()
    for each in ranges.split(","):
        first, last = each.split("-")
        lines.update(range(int(first), int(last) + 1))
    _files[name] = File(path, lines)


def _announce(name, file):
    """Reports which changed lines can execute. The file is compiled and not executed."""
    import warnings

    try:
        with open(name, "rb") as source:
            content = source.read()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            code = compile(content, name, "exec", dont_inherit=True)
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return
    executable = set()
    _executable(code, executable, True)
    channel.write_lines(file.path, "executable", sorted(executable & file.left))


def _executable(code, lines, is_module):
    own = {line for line in _lines_of(code) if line}
    if not is_module:
        # Its first line belongs to what defines it, and executes there.
        own.discard(code.co_firstlineno)
    lines |= own
    for constant in code.co_consts:
        if isinstance(constant, type(code)):
            _executable(constant, lines, False)


def _lines_of(code):
    if hasattr(code, "co_lines"):
        return [line for _, _, line in code.co_lines()]
    import dis

    return [line for _, line in dis.findlinestarts(code)]


def _of(name):
    """The file of a code object, or None."""
    try:
        return _known[name]
    except KeyError:
        pass
    found = _files.get(os.path.realpath(os.path.join(_started_in, name)))
    _known[name] = found
    return found


def _executed(file, line):
    if line in file.left:
        file.left.discard(line)
        channel.write_lines(file.path, "executed", (line,))


def _monitor():
    """Whether lines are reported from now on."""
    global _disable
    monitoring = sys.monitoring
    tool = next((each for each in TOOLS if monitoring.get_tool(each) is None), None)
    if tool is None:
        return False
    _disable = monitoring.DISABLE
    events = monitoring.events
    monitoring.use_tool_id(tool, "kinescope")

    def on_start(code, offset):
        try:
            if _of(code.co_filename) is not None:
                monitoring.set_local_events(tool, code, events.LINE)
        except Exception as error:
            channel.report("lines.start: " + type(error).__name__)
        return _disable

    def on_line(code, line):
        try:
            _executed(_known[code.co_filename], line)
        except Exception as error:
            channel.report("lines.line: " + type(error).__name__)
        return _disable

    monitoring.register_callback(tool, events.PY_START, on_start)
    monitoring.register_callback(tool, events.LINE, on_line)
    monitoring.set_events(tool, events.PY_START)
    return True


def _trace_all():
    if sys.gettrace() is not None:
        return False
    import threading

    def on_call(frame, event, argument):
        file = _of(frame.f_code.co_filename)
        return None if file is None or not file.left else on_line

    def on_line(frame, event, argument):
        file = _known[frame.f_code.co_filename]
        if event == "line":
            _executed(file, frame.f_lineno)
        return on_line if file.left else None

    sys.settrace(on_call)
    threading.settrace(on_call)
    return True
