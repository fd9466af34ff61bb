"""Disk: many small files are written, listed, read and removed; and a log is synced after each of its records."""

import os
import pathlib
import tempfile

from tracing import execution, more, step

with tempfile.TemporaryDirectory(dir=".") as folder:
    spool = pathlib.Path(folder)
    for _ in range(10):
        with execution("spool.fill"):
            for number in range(more(100)):
                (spool / f"{number:04}.msg").write_bytes(os.urandom(2_000 + number))
        with execution("spool.drain"):
            with step("read"):
                size = sum(len(path.read_bytes()) for path in sorted(spool.iterdir()))
            with step("remove"):
                for path in list(spool.iterdir()):
                    path.unlink()
    with open(spool / "log", "ab", buffering=0) as log:
        for _ in range(5):
            with execution("log.append"):
                for number in range(more(34)):
                    log.write(b"record %d\n" % number)
                    os.fsync(log.fileno())
print(size)
