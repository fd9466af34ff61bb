"""Says which process the spans come from.

Owns: the resource and the scope of its spans. Never does: include the command's arguments, which may hold secrets.
"""

import os
import sys

from . import encode, state

SCOPE = '{"name":"kino.python","version":"1"}'


def describe():
    """`"pid"`, `"resource"` and `"scope"` as members of a JSON object."""
    return '"pid":%d,"resource":{"attributes":%s},"scope":%s' % (os.getpid(), encode.attributes(attributes()), SCOPE)


def attributes():
    """The resource of this process."""
    version = "%d.%d.%d" % sys.version_info[:3]
    found = dict(from_environment(os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")))
    if state.found_project and "kino.project" not in found:
        found["kino.project"], found["kino.worktree"] = state.found_project
    name = os.environ.get("OTEL_SERVICE_NAME") or found.get("service.name") or "unknown_service"
    found.update(
        {
            "service.name": name,
            "process.pid": os.getpid(),
            "process.runtime.name": "cpython",
            "process.runtime.version": version,
            "telemetry.sdk.language": "python",
            "telemetry.sdk.name": "kino",
        }
    )
    return found


def from_environment(text):
    """Pairs of `key=value,…`, each percent-decoded."""
    for pair in text.split(","):
        name, equals, value = pair.partition("=")
        if equals and name.strip():
            yield percent_decode(name.strip()), percent_decode(value.strip())


def percent_decode(text):
    if "%" not in text:
        return text
    first, *rest = text.encode("utf-8", "replace").split(b"%")
    parts = [first]
    for part in rest:
        try:
            parts.append(bytes((int(part[:2], 16),)) + part[2:])
        except ValueError:
            parts.append(b"%" + part)
    return b"".join(parts).decode("utf-8", "replace")
