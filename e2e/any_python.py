"""Runs a program twice, bare and with the Python bootstrap, and reads what the bootstrap wrote.

A file in memory takes the place of the channel of `kino run`, so that the bootstrap is tested alone.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
APPS = ROOT / "e2e" / "apps" / "any"
REQUIREMENTS = ROOT / "e2e" / "any"
BOOTSTRAP = ROOT / "crates" / "inject" / "python"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SECONDS_MAX = 120
# What differs between two runs of the same program without any bootstrap.
MASKS = [
    (r"0x[0-9a-fA-F]{6,}", "0xX"),
    (r"\d+\.\d+ ?s(econds)?\b", "Ns"),
    (r"(127\.0\.0\.1|localhost|\[::1\])[:', ]+\d+", "HOST"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[,.]\d+", "TIME"),
    (r"\(\d{12,}\)", "(THREAD)"),
    (r"\bpid[ =:]\d+", "pid N"),
]


def interpreters(*wanted):
    """Paths of the CPython versions that are on this machine, of those asked for."""
    found = []
    for version in wanted:
        pyenv = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
        on_path = shutil.which(f"python{version}")
        if pyenv:
            found.append(pyenv[-1])
        elif on_path:
            found.append(Path(on_path))
    return found


def environment_for(python, requirements):
    """The interpreter of a virtual environment with these requirements, made once and found again after."""
    content = (REQUIREMENTS / requirements).read_bytes()
    name = hashlib.sha256(content + str(python).encode()).hexdigest()[:16]
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "e2e" / "any" / name
    inside = target / "bin" / "python"
    ready = target / "ready"
    if not ready.exists():
        shutil.rmtree(target, ignore_errors=True)
        subprocess.run([python, "-m", "venv", target], check=True)
        command = [inside, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", REQUIREMENTS / requirements]
        subprocess.run(command, check=True)
        ready.write_text("")
    return inside


def clean_environment(**more):
    dropped = ("OTEL_", "KINO_", "PYTHON", "TRACEPARENT", "COVERAGE", "PYTEST")
    return {**{k: v for k, v in os.environ.items() if not k.startswith(dropped)}, "PYTHONHASHSEED": "0", **more}


class Ran:
    """One run: exit code, output, and the records of its channel."""

    def __init__(self, done, channel):
        self.code, self.output, self.errors = done.returncode, done.stdout, done.stderr
        self.processes, self.spans, self.others = {}, [], []
        for record in (channel or b"").split(b"\x1e")[1:]:
            assert record.endswith(b"\n") and record.count(b"\n") == 1, record[-80:]
            assert len(record) < 256 * 1024
            self._take(json.loads(record))

    def _take(self, record):
        if "process" in record:
            self.processes[record["process"]] = record
        elif "spans" in record:
            assert record["p"] in self.processes, "a process introduces itself first"
            for span in record["spans"]:
                span["attributes"] = {each["key"]: value_of(each["value"]) for each in span["attributes"]}
                span["process"] = record["p"]
                self.spans.append(span)
        else:
            self.others.append(record)

    def named(self, name):
        return [span for span in self.spans if span["name"] == name]

    def one(self, name):
        found = self.named(name)
        assert len(found) == 1, (name, self.names())
        return found[0]

    def names(self):
        return sorted(span["name"] for span in self.spans)

    def children(self, span):
        return sorted(each["name"] for each in self.spans if each.get("parentSpanId") == span["spanId"])

    def parent(self, span):
        return next((each for each in self.spans if each["spanId"] == span.get("parentSpanId")), None)


def value_of(value):
    (kind, found), = value.items()
    if kind == "intValue":
        return int(found)
    if kind == "arrayValue":
        return [value_of(each) for each in found["values"]]
    return found


def masked(text):
    for pattern, instead in MASKS:
        text = re.sub(pattern, instead, text)
    return text


def run(command, directory, channel=None, **environment):
    """Runs a command, with the bootstrap if there is a channel."""
    # A program may make its own cache of compiled code: neither run finds one that the other left.
    given = clean_environment(PYTHONDONTWRITEBYTECODE="1", **environment)
    if channel is not None:
        given = {
            **given,
            "PYTHONPATH": str(BOOTSTRAP / "site"),
            "KINO_CHANNEL": str(channel),
            "KINO_PROJECT_DIR": str(directory),
            "TRACEPARENT": f"00-{TRACE}-{PARENT}-01",
            "OTEL_SERVICE_NAME": "any",
            "OTEL_RESOURCE_ATTRIBUTES": "kino.run.id=1%202,team=a",
        }
    done = subprocess.run(
        [str(word) for word in command], cwd=directory, env=given, capture_output=True, timeout=SECONDS_MAX,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    done.stdout, done.stderr = (text.decode(errors="backslashreplace") for text in (done.stdout, done.stderr))
    return Ran(done, channel.read_bytes() if channel is not None else None)


@contextlib.contextmanager
def channel():
    """An empty file in memory, as `kino run` has one."""
    place = Path("/dev/shm") / f"kino-any-{os.getpid()}-{os.urandom(4).hex()}"
    place.touch(0o600)
    try:
        yield place
    finally:
        place.unlink()


def compare(command, directory=APPS, **environment):
    """Runs a command bare and with the bootstrap: same exit code, same output. Returns the second."""
    bare = run(command, directory, **environment)
    with channel() as place:
        recorded = run(command, directory, place, **environment)
    assert recorded.code == bare.code, recorded.errors
    assert masked(recorded.output) == masked(bare.output)
    assert masked(recorded.errors) == masked(bare.errors)
    assert "kino" not in recorded.output + recorded.errors.replace(str(ROOT), "")
    assert recorded.others == [], "the bootstrap had an error, or lost something"
    assert all(span["traceId"] == TRACE for span in recorded.spans)
    return recorded
