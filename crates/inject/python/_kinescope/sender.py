"""Sends spans to the engine where no channel takes them.

Owns: one daemon thread, a bounded queue, and a small HTTP client on the socket of C, which no patch reaches.
Never does: keep the process alive, wait in the program's threads, or try a span twice. At an ordinary end what is queued is
sent once more, for as long as the engine takes it, and `END_SECONDS_MAX` in all.
"""

import _socket
import _thread
import atexit
import time
from collections import deque

from . import resource, state

QUEUE_MAX = 2_048
BATCH_MAX = 256
PAUSE_SECONDS = 0.05
TIMEOUT_SECONDS = 2
# Pauses without a span after which the thread ends; the next span starts another.
IDLE_MAX = 200
# How often an engine that does not answer is asked before the thread waits longer.
PAUSE_SECONDS_MAX = 10
END_SECONDS_MAX = 0.5

_queue = deque()
_running = False
_dropped = 0
_at_end = False


def add(text):
    """Takes one span as OTLP/JSON; drops and counts it where the queue is full."""
    global _running, _dropped, _at_end
    if len(_queue) >= QUEUE_MAX:
        _dropped += 1
        return
    _queue.append(text)
    if not _at_end:
        _at_end = True
        atexit.register(_flush)
    if not _running:
        _running = True
        try:
            _thread.start_new_thread(_work, ())
        except RuntimeError:
            _running = False


def _work(_sleep=time.sleep):
    """Sends what is queued, until there has been nothing for a while."""
    global _running
    pause, idle = PAUSE_SECONDS, 0
    try:
        while idle < IDLE_MAX:
            _sleep(pause)
            batch = _take()
            if not batch:
                idle += 1
                continue
            idle = 0
            sent = _post(_document(batch))
            _count(0 if sent else len(batch))
            pause = PAUSE_SECONDS if sent else min(pause * 2, PAUSE_SECONDS_MAX)
    except Exception:
        _count(1)
    finally:
        _running = False


def _take():
    """The oldest spans of the queue."""
    batch = []
    while len(batch) < BATCH_MAX:
        try:
            batch.append(_queue.popleft())
        except IndexError:
            break
    return batch


def _flush(_clock=time.monotonic):
    """Sends what is left at the interpreter's end."""
    end = _clock() + END_SECONDS_MAX
    try:
        while _queue and _clock() < end:
            if not _post(_document(_take()), END_SECONDS_MAX):
                return
    except Exception:
        _count(1)


def _count(lost):
    global _dropped
    _dropped += lost


def _document(batch):
    """One OTLP request; what was dropped so far is an attribute of its resource."""
    attributes = resource.attributes()
    if _dropped:
        attributes["kino.spans.dropped"] = _dropped
    return '{"resourceSpans":[{"resource":{"attributes":%s},"scopeSpans":[{"scope":%s,"spans":[%s]}]}]}' % (
        resource.encode.attributes(attributes),
        resource.SCOPE,
        ",".join(batch),
    )


def _post(document, seconds=TIMEOUT_SECONDS):
    """Whether the engine took it."""
    address = state.otlp_address.partition("://")[2].partition("/")[0]
    host, _, port = address.rpartition(":")
    body = document.encode("ascii")
    head = (
        "POST /v1/traces HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"
        "Content-Length: %d\r\nConnection: close\r\n\r\n" % (address, len(body))
    )
    family = _socket.AF_INET6 if ":" in host else _socket.AF_INET
    connection = _socket.socket(family, _socket.SOCK_STREAM)
    try:
        connection.settimeout(seconds)
        connection.connect((host.strip("[]"), int(port)))
        connection.sendall(head.encode("ascii") + body)
        return connection.recv(64)[9:12] in (b"200", b"202")
    except (OSError, ValueError):
        return False
    finally:
        connection.close()


def after_fork():
    """The thread is not in the child."""
    global _running, _dropped
    _queue.clear()
    _running, _dropped = False, 0
