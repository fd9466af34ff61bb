"""Begins the bootstrap in one process.

Owns: the order of its steps, and the table of which module patches which library.
Never does: load the module of a library that the program does not import.
"""

import os
import sys

from . import tools

# Library's module -> module of the bootstrap that patches it, and its function.
LIBRARIES = {
    "threading": ("threads", "on_threading"),
    "concurrent.futures.thread": ("threads", "on_executor"),
    "multiprocessing.spawn": ("threads", "on_spawn"),
    "traceback": ("stacks", "on_traceback"),
    "inspect": ("stacks", "on_inspect"),
    "subprocess": ("commands", "on_subprocess"),
    "asyncio.base_subprocess": ("commands", "on_asyncio"),
    "sqlite3.dbapi2": ("sqlite", "on_sqlite"),
    "http.client": ("http_client", "on_http_client"),
    "urllib.request": ("http_client", "on_urllib"),
    "urllib3.connectionpool": ("http_client", "on_urllib3"),
    "requests.sessions": ("http_client", "on_requests"),
    "flask.app": ("flask", "on_flask"),
}


def begin(finder, folder):
    """Whether the bootstrap stays in this process."""
    if tools.is_tool():
        return False
    from . import channel, spans, state

    state.read_environment(os.environ)
    channel.open_channel()
    os.register_at_fork(after_in_child=spans.after_fork)
    for name, (module, function) in LIBRARIES.items():
        finder.when_imported(name, later(module, function))
    return True


def later(module, function):
    """Loads the patching module when its library has been imported."""

    def patch(library):
        __import__("_kinescope." + module)
        getattr(sys.modules["_kinescope." + module], function)(library)

    return patch
