"""Hands finished spans to `kino run`, or to an engine, through the file that `KINO_CHANNEL` names.

Owns: the descriptor, the identity of this process in the file, and what is counted as lost.
Never does: wait, start a thread, or write into a file that is not the channel. A record is one `write`, made when its
span ends, so that the span survives any end of the process.

    0x1e {"process": KEY, …}  0x0a     once for each process
    0x1e {"p": KEY, "spans": […]} 0x0a one for each span
    0x1e {"p": KEY, "lines": {"path": PATH, "executed": [[FIRST, LAST], …]}} 0x0a   see `lines`
"""

import errno
import os
import sys
import time

from . import encode, resource, state

RECORD_BYTES_MAX = 256 * 1024
# What the file may hold that `kino run` has not taken yet.
FILE_BYTES_MAX = 64 * 1024 * 1024
ERRORS_MAX = 20
LOST_EVERY = 1_024
# Descriptors above this number are out of the way of programs that expect theirs to be small.
DESCRIPTOR_MIN = 480
# How often it is looked whether the reader lives.
LOOK_SECONDS = 1
# Descriptors of processes, whose number may be another file's by now, and what a channel's file is.
DESCRIPTORS = "/proc/"
MEMORY = "/memfd:kino-spans"

_descriptor = -1
_file = None  # device and inode of the channel
_key = ""  # of this process; empty until its first record is written
_claimed = {}  # the same key, from the moment at which a thread chose it
_lost = {}  # why -> count, not yet written
_lost_any = False
_errors = 0
_sealed = False  # the reader has ended: spans go by OTLP
_opened = False
_looked = 0.0  # when it was last looked whether it lives


def open_channel(_clock=time.monotonic):
    """Opens the file under a high number. Without it, spans go by OTLP."""
    global _descriptor, _file, _opened, _sealed, _looked
    _opened = True
    _descriptor = -1
    path = state.channel_path
    try:
        if not _is_channel(path):
            raise OSError
        low = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK)
        if path.startswith(DESCRIPTORS) and not _is_channel("/proc/self/fd/%d" % low):
            os.close(low)
            raise OSError
    except OSError:
        _sealed = True
        return
    _descriptor = _move_up(low)
    _looked = _clock()
    about = os.fstat(_descriptor)
    _file = (about.st_dev, about.st_ino)


def _is_channel(path):
    """Whether a path that is a process's descriptor leads to a channel; what it leads to is not opened before."""
    return not path.startswith(DESCRIPTORS) or os.readlink(path).startswith(MEMORY)


def _is_read():
    """False where the reader is gone without having sealed the file: nobody reads what is appended then."""
    try:
        about = os.stat(state.channel_path)
    except FileNotFoundError:
        # Another root folder has no such path, whoever reads.
        return not os.path.exists("/proc/self")
    except OSError:
        return True
    return (about.st_dev, about.st_ino) == _file


def _move_up(low):
    try:
        import fcntl
    except ImportError:
        return low
    for number in (DESCRIPTOR_MIN, DESCRIPTOR_MIN // 2):
        try:
            high = fcntl.fcntl(low, fcntl.F_DUPFD_CLOEXEC, number)
        except OSError:
            continue
        os.close(low)
        return high
    return low


def write_span(text):
    """Hands over one finished span, as OTLP/JSON."""
    if _sealed:
        _send(text)
        return
    if not _key:
        _begin()
    if _write('{"p":"%s","spans":[%s]}' % (_key, text)):
        return
    if _sealed:
        _send(text)


def write_lines(path, what, lines):
    """Hands over lines of a changed file, in ascending order: those that were `executed`, or are `executable`."""
    if _sealed:
        return
    if not _key:
        _begin()
    ranges = []
    for line in lines:
        if ranges and ranges[-1][1] == line - 1:
            ranges[-1][1] = line
        else:
            ranges.append([line, line])
    text = ",".join(["[%d,%d]" % (first, last) for first, last in ranges])
    _write('{"p":"%s","lines":{"path":%s,"%s":[%s]}}' % (_key, encode.text(path), what, text))


def write_watching():
    """Says that this process reports lines of changed files."""
    if not _key:
        _begin()
    _write('{"p":"%s","lines":{"watching":true}}' % _key)


def report(what):
    """Hands over that the bootstrap itself failed; `what` has a place and a type, no recorded value."""
    global _errors
    _errors += 1
    if _errors > ERRORS_MAX or _sealed:
        return
    if not _key:
        _begin()
    _write('{"p":"%s","error":%s}' % (_key, encode.text(what)))


def count_lost(why, count=1):
    """Counts what is missing. The file has the count from the next record on; while there is none, at the first loss, at
    every `LOST_EVERY`, and at an ordinary end."""
    global _lost_any
    _lost[why] = _lost.get(why, 0) + count
    if not _lost_any:
        _lost_any = True
        import atexit

        atexit.register(_write_lost)
        _write_lost()
    elif _lost[why] >= LOST_EVERY:
        _write_lost()


def _begin():
    """Introduces this process. Threads that come here together write the same record, and none waits."""
    global _key
    if not _opened:
        open_channel()
    key = _claimed.setdefault("key", os.urandom(8).hex())
    _write('{"process":"%s",%s}' % (key, resource.describe()))
    _key = key


def _write(record):
    """Whether the record is in the file; what is not is counted."""
    data = b"\x1e" + record.encode("ascii") + b"\n"
    if len(data) > RECORD_BYTES_MAX:
        count_lost("large")
        return True
    refusal = _why_not()
    if refusal:
        if _sealed:
            return False
        count_lost(refusal)
        return True
    if _lost:
        _write_lost()
    try:
        written = os.write(_descriptor, data)
    except OSError as error:
        return _refused(error)
    if written != len(data):
        count_lost("failed")
    return True


def _is_open():
    try:
        about = os.fstat(_descriptor)
    except OSError:
        return False
    return (about.st_dev, about.st_ino) == _file


def _why_not(_clock=time.monotonic):
    """Empty if the descriptor is still the channel and has room, else why it cannot take a span. Opens the channel
    again where a program closed it."""
    global _sealed, _looked
    for _ in range(2):
        try:
            about = os.fstat(_descriptor)
        except OSError:
            about = None
        if about is not None and (about.st_dev, about.st_ino) == _file:
            time_now = _clock()
            if time_now - _looked >= LOOK_SECONDS and state.channel_path.startswith(DESCRIPTORS):
                _looked = time_now
                if not _is_read():
                    _sealed = True
                    return "failed"
            return "full" if about.st_blocks * 512 > FILE_BYTES_MAX else ""
        if _sealed:
            break
        open_channel()
    return "failed"


def _refused(error):
    """A write failed: the file is sealed, or this one is lost."""
    global _sealed
    if error.errno in (errno.EPERM, errno.EACCES, errno.EFBIG):
        _sealed = True
        return False
    count_lost("failed")
    return True


def _write_lost():
    """Says what is missing so far. The few bytes are written even where the file has no room for spans."""
    if _sealed or not _is_open():
        return
    for why, count in list(_lost.items()):
        record = '\x1e{"p":"%s","lost":%d,"why":"%s"}\n' % (_key, count, why)
        try:
            os.write(_descriptor, record.encode("ascii"))
            _lost.pop(why, None)
        except OSError:
            return


def _send(text):
    if state.otlp_address and not sys.is_finalizing():
        from . import sender

        sender.add(text)


def after_fork():
    """A child is a process of its own."""
    global _key, _errors
    _key = ""
    _claimed.clear()
    _errors = 0
    _lost.clear()
    sender = sys.modules.get("_kinescope.sender")
    if sender is not None:
        sender.after_fork()
