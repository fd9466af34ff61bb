"""What holds for the whole process: whether spans are made, the parent it was given, where its project is.

Owns: values read once from the environment, and the project where that names none. Never does: other IO.
"""

import os

from . import project

on = True  # False once the program starts an SDK of its own
errors_unreported = 0

channel_path = ""
otlp_address = ""
project_dir = ""
# Where nothing told the project: its name and worktree, or None.
found_project = None
# The trace and span of `TRACEPARENT`, as hex; None without a valid one.
parent = None


def read_environment(environment):
    """Takes over what `kino run` said."""
    global channel_path, otlp_address, project_dir, found_project, parent
    channel_path = environment.get("KINO_CHANNEL", "")
    otlp_address = environment.get("KINO_OTLP", "")
    project_dir = environment.get("KINO_PROJECT_DIR") or ""
    if not project_dir:
        found_project = project.of(os.getcwd())
        project_dir = found_project[1] if found_project else os.getcwd()
    parent = read_traceparent(environment.get("TRACEPARENT", ""))


def read_traceparent(text):
    """Trace and span of a W3C `traceparent`, or None."""
    parts = text.strip().split("-")
    if len(parts) < 4 or len(parts[0]) != 2 or parts[0] == "ff":
        return None
    trace, span = parts[1], parts[2]
    if len(trace) != 32 or len(span) != 16 or not is_hex(trace) or not is_hex(span):
        return None
    if trace.strip("0") == "" or span.strip("0") == "":
        return None
    return trace, span


def is_hex(text):
    return all(character in "0123456789abcdef" for character in text)
