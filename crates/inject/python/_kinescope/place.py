"""Finds the line of the project's own code.

Owns: which files are the project's, and the walk over frames. Never does: read a file.
A file is the project's if it is below `KINO_PROJECT_DIR` and in no virtual environment, `site-packages`,
`node_modules` or the interpreter's library. A walk of 10 to 25 frames costs 1 to 3 µs; beyond `DEEP_WALKS_MAX` walks of
more than `DEEP_FRAMES` frames, one in `SAMPLE_EVERY` is walked to its end, and the others say `kino.code.sampled`.
"""

import os
import sys

from . import state

DEEP_FRAMES = 25
DEEP_WALKS_MAX = 10_000
SAMPLE_EVERY = 16
FRAMES_MAX = 1_000
FOREIGN_PARTS = ("/site-packages/", "/dist-packages/", "/node_modules/", "/.tox/", "/.nox/", "/__pypackages__/")

_paths = {}  # file name within code -> absolute path of the project's file, or None
_PATHS_MAX = 20_000
_deep_walks = 0
_start_dir = os.getcwd() if os.path.isdir(".") else "/"
_has_qualname = sys.version_info >= (3, 11)


def _foreign_prefixes():
    prefixes = {os.path.dirname(os.__file__)}
    for prefix in (sys.prefix, sys.base_prefix, sys.exec_prefix):
        # An interpreter that is installed at the root of the project has its libraries below these.
        prefixes.add(os.path.join(prefix, "lib"))
        if os.path.exists(os.path.join(prefix, "pyvenv.cfg")):
            prefixes.add(prefix)
    return tuple(prefix.rstrip("/") + "/" for prefix in prefixes)


_foreign = None


def project_path(name):
    """The absolute path of a file of the project, or None for any other."""
    try:
        return _paths[name]
    except KeyError:
        pass
    path = _judge(name)
    if len(_paths) >= _PATHS_MAX:
        _paths.clear()
    _paths[name] = path
    return path


def _judge(name):
    global _foreign
    if not name or name[0] == "<":
        return None
    if _foreign is None:
        _foreign = _foreign_prefixes()
    path = os.path.normpath(name if name[0] == "/" else os.path.join(_start_dir, name))
    root = state.project_dir.rstrip("/") + "/"
    if not path.startswith(root):
        path = os.path.realpath(path)
        if not path.startswith(os.path.realpath(root) + "/"):
            return None
    below = path[len(root) - 1 :]
    if path.startswith(_foreign) or any(part in below for part in FOREIGN_PARTS):
        return None
    return path


def of_caller(frame, attributes):
    """Adds the nearest frame of the project, `frame` and outwards."""
    global _deep_walks
    paths, frames = _paths, 0
    while frame is not None:
        name = frame.f_code.co_filename
        try:
            path = paths[name]
        except KeyError:
            path = project_path(name)
        if path is not None:
            _add(attributes, path, frame.f_lineno, frame.f_code)
            return
        frames += 1
        if frames == DEEP_FRAMES:
            _deep_walks += 1
            if _deep_walks > DEEP_WALKS_MAX and _deep_walks % SAMPLE_EVERY:
                attributes["kino.code.sampled"] = True
                return
        elif frames > FRAMES_MAX:
            return
        frame = frame.f_back


def of_function(function, attributes):
    """Adds where a handler is defined, behind its decorators."""
    for _ in range(32):
        function = getattr(function, "__func__", function)
        inner = getattr(function, "__wrapped__", None) or getattr(function, "func", None)
        if inner is None or not callable(inner):
            break
        function = inner
    code = getattr(function, "__code__", None)
    if code is None:
        code = getattr(getattr(type(function), "__call__", None), "__code__", None)
    if code is None:
        return
    path = project_path(code.co_filename)
    if path is not None:
        attributes["code.file.path"] = path
        attributes["code.line.number"] = code.co_firstlineno
        attributes["code.function.name"] = getattr(function, "__qualname__", code.co_name)


def of_error(error, attributes):
    """Adds the innermost line of the project in an error's traceback."""
    trace, found, frames = error.__traceback__, None, 0
    while trace is not None and frames < FRAMES_MAX:
        path = project_path(trace.tb_frame.f_code.co_filename)
        if path is not None:
            found = (path, trace.tb_lineno, trace.tb_frame.f_code)
        trace = trace.tb_next
        frames += 1
    if found is not None:
        _add(attributes, *found)


def _add(attributes, path, line, code):
    attributes["code.file.path"] = path
    attributes["code.line.number"] = line
    attributes["code.function.name"] = code.co_qualname if _has_qualname else code.co_name
