#!/usr/bin/env python3
"""Test suites that others wrote, from PyPI, npm and Debian, once bare and once by `kino run`: same results, same output?

    python e2e/foreign_suites.py [NAME…]       all of them without a name; a table on standard output

Each suite is unpacked from the source package that its authors published and installed with pinned requirements below
`target/e2e/foreign/NAME`, where the outputs that were compared stay too. Compared are the exit code, the numbers of tests by
outcome, and standard output and standard error line by line. Masked are times, addresses, ports, process ids and names of
temporary folders. Where something differs, the bare run is repeated: a line counts that two bare runs have in common, and the
recorded one has not, or the other way around.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from any_python import clean_environment, interpreters
from conftest import ROOT, Engine, binary

# One suite, bare or recorded; the longest takes a tenth of it.
SUITE_SECONDS_MAX = 900
INSTALL_SECONDS_MAX = 600
PYTEST = ["python", "-m", "pytest", "-v", "-p", "no:cacheprovider"]
MASKS = [
    (r"\x1b\[[0-9;?]*[a-zA-Z]", ""),
    (r"/tmp/pytest-of-\w+/pytest-\d+", "/tmp/PYTEST"),
    (r"/tmp/[\w.-]+", "/tmp/X"),
    (r"0x[0-9a-fA-F]{6,}", "0xX"),
    (r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.,\d]*Z?", "TIME"),
    (r"\b\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", "TIME"),
    (r"\[\d\d/\w{3}/\d{4}[: ]\d\d:\d\d:\d\d[^\]]*\]", "[TIME]"),
    (r"(127\.0\.0\.1|localhost|0\.0\.0\.0|\[::1?\])[:', ]+\d+", "HOST"),
    (r"\"?(time|pid|hostname|responseTime|timestamp)\"?[:=] ?[\d.\"]+", "NUMBER"),
    (r"\b(pid|PID|process|port)[ :=]+\d+", "NUMBER"),
    (r"\(node:\d+\)", "(node:N)"),
    (r"duration_ms[: ]+[\d.]+", "duration_ms N"),
    # Mocha names the time of slow tests alone.
    (r" *\(\d+(\.\d+)?ms\)", ""),
    (r"\(?\b\d+(\.\d+)? ?(ms|s|sec|seconds?|µs|m)\b\)?", "N"),
    (r"\(\d+:\d\d:\d\d\)", ""),
    # The line of equals signs around pytest's summary is as long as the summary leaves room.
    (r"={3,}", "==="),
]


@dataclass
class Suite:
    """A source package with its tests. Kinds: `pypi`, `npm`, `debian` (a source package of an npm package)."""

    kind: str
    package: str
    version: str
    requirements: list[str]
    command: list[str]
    # Files that are taken out, with the reason.
    without: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)


SUITES = {
    "flask": Suite("pypi", "flask", "3.1.3", ["flask==3.1.3", "asgiref==3.11.1", "python-dotenv==1.2.2", "pytest==8.4.2"], PYTEST),
    "werkzeug": Suite(
        "pypi", "werkzeug", "3.1.9",
        ["werkzeug==3.1.9", "pytest==8.4.2", "pytest-timeout==2.4.0", "ephemeral-port-reserve==1.1.4", "cryptography==46.0.5", "watchdog==6.0.0"],
        PYTEST,
    ),
    "starlette": Suite(
        "pypi", "starlette", "1.10.0",
        ["starlette==1.10.0", "httpx==0.28.1", "httpx2[zstd]==2.16.2", "blockbuster==1.5.29", "importlib-metadata==10.2.0", "opentelemetry-sdk==1.45.2", "trio==0.32.0", "pytest==9.2.0", "python-multipart==0.0.22", "itsdangerous==2.2.0", "jinja2==3.1.6", "pyyaml==6.0.3", "anyio==4.12.1"],
        PYTEST,
    ),
    "requests-mock": Suite(
        "pypi", "requests-mock", "1.12.1",
        ["requests-mock==1.12.1", "requests==2.34.2", "requests-futures==1.0.2", "testtools==2.8.3", "fixtures==4.3.0", "purl==1.6", "pytest==9.2.0"],
        PYTEST,
    ),
    "sqlite-utils": Suite("pypi", "sqlite-utils", "4.2.1", ["sqlite-utils==4.2.1", "pytest==9.2.0", "hypothesis==6.148.2"], PYTEST),
    "express": Suite(
        "debian", "node-express", "4.18.2+~4.17.14-1",
        ["after@0.8.2", "connect-redis@3.4.2", "cookie-parser@1.4.6", "cookie-session@2.0.0", "ejs@3.1.8", "express-session@1.17.2", "hbs@4.2.0", "marked@0.7.0", "method-override@3.0.0", "mocha@10.0.0", "morgan@1.10.0", "multiparty@4.2.3", "pbkdf2-password@1.2.1", "supertest@6.3.0", "vhost@3.0.2"],
        ["npx", "mocha", "--require", "test/support/env", "--reporter", "spec", "--timeout", "20000", "--check-leaks", "test/", "test/acceptance/"],
    ),
    "@fastify/express": Suite(
        "npm", "@fastify/express", "4.0.7",
        ["@fastify/formbody@8.0.2", "body-parser@1.20.3", "cors@2.8.5", "fastify@5.12.8", "helmet@8.1.0", "passport@0.7.0", "passport-http-bearer@1.0.1", "serve-static@2.2.0"],
        ["node", "--test", "--test-reporter=spec"],
        {"test/form-data.test.js": "gives a request 100 ms, which a busy machine takes"},
    ),
    "@fastify/reply-from": Suite(
        "npm", "@fastify/reply-from", "12.6.5",
        ["@fastify/formbody@8.0.2", "@fastify/multipart@9.3.0", "@sinonjs/fake-timers@15.0.0", "fastify@5.12.8", "form-data@4.0.5", "h2url@0.2.0", "nock@14.0.10", "proxy@2.2.0", "proxyquire@2.1.3", "split2@4.2.0"],
        ["node", "--test", "--test-timeout=30000", "--test-reporter=spec"],
    ),
    "aedes": Suite(
        "npm", "aedes", "1.2.0", ["mqtt@5.15.2", "ws@8.21.3"],
        ["node", "--test", "--test-timeout=180000", "--test-reporter=spec", "test/auth.js", "test/basic.js", "test/bridge.js", "test/client-pub-sub.js", "test/connect.js", "test/events.js", "test/meta.js", "test/qos1.js", "test/qos2.js", "test/retain.js", "test/topics.js", "test/will.js"],
    ),
    "thread-stream": Suite(
        "npm", "thread-stream", "4.2.1", ["borp@1.0.0", "desm@1.3.1", "sonic-boom@5.0.2"],
        ["node", "--test", "--test-reporter=spec", "--expose-gc", "test/base.test.js", "test/context.test.js", "test/end.test.js", "test/error-flush.test.js", "test/event.test.js", "test/flush.test.js", "test/indexes.test.js", "test/post-message.test.js", "test/ready.test.js", "test/thread-management.test.js", "test/wait.test.js", "test/worker-name.test.js", "test/multibyte-chars.test.mjs"],
    ),
}


def folder(name):
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return target / "e2e" / "foreign" / re.sub(r"\W+", "-", name).strip("-")


def call(command, directory, **more):
    done = subprocess.run(list(map(str, command)), cwd=directory, capture_output=True, text=True, timeout=INSTALL_SECONDS_MAX, stdin=subprocess.DEVNULL, **more)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))[:200]} failed:\n{done.stdout[-1000:]}{done.stderr[-2000:]}")
    return done.stdout


def prepared(name):
    """The suite's folder with its sources in `source`, made once and found again after."""
    suite, place = SUITES[name], folder(name)
    stamp = json.dumps([suite.kind, suite.package, suite.version, suite.requirements, sorted(suite.without)])
    ready = place / "ready"
    if ready.is_file() and ready.read_text() == stamp:
        return place
    shutil.rmtree(place, ignore_errors=True)
    packed = place / "packed"
    packed.mkdir(parents=True)
    {"pypi": fetch_pypi, "npm": fetch_npm, "debian": fetch_debian}[suite.kind](suite, place, packed)
    source = place / "source"
    for unwanted in suite.without:
        (source / unwanted).unlink()
    if suite.kind != "pypi":
        manifest = source / "package.json"
        about = json.loads(manifest.read_text())
        # Linters and compilers of types are among these; what tests need is in the requirements.
        about.pop("devDependencies", None)
        manifest.write_text(json.dumps(about, indent=2))
        call(["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", *suite.requirements], source)
    # A project of its own, so that its frames are those of the program.
    call(["git", "init", "-q"], source)
    ready.write_text(stamp)
    return place


def fetch_pypi(suite, place, packed):
    python, = interpreters("3.12")[:1] or [sys.executable]
    call([python, "-m", "venv", place / "venv"], place)
    pip = [place / "venv" / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "--quiet"]
    call([*pip, "install", *suite.requirements], place)
    call([*pip, "download", "--no-deps", "--no-binary", ":all:", f"{suite.package}=={suite.version}", "-d", packed], place)
    unpack(packed, place)


def fetch_npm(suite, place, packed):
    call(["npm", "pack", "--silent", f"{suite.package}@{suite.version}"], packed)
    unpack(packed, place)


def fetch_debian(suite, place, packed):
    if shutil.which("apt-get") is None:
        raise RuntimeError("this machine has no apt-get")
    lists = place / "apt"
    for needed in ["lists/partial", "cache/archives/partial"]:
        (lists / needed).mkdir(parents=True)
    (lists / "sources.list").write_text(
        "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm main\n"
    )
    options = {
        "Dir::Etc::sourcelist": lists / "sources.list", "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State::lists": lists / "lists", "Dir::Cache": lists / "cache", "APT::Sandbox::User": "root",
    }  # fmt: skip
    apt = ["apt-get", *(word for key, value in options.items() for word in ("-o", f"{key}={value}"))]
    call([*apt, "update"], packed)
    call([*apt, "source", "--download-only", f"{suite.package}={suite.version}"], packed)
    for archive in packed.iterdir():
        if not re.search(r"_[^_]*\.orig\.tar\.\w+$", archive.name):
            archive.unlink()
    unpack(packed, place)


def unpack(packed, place):
    archive, = packed.iterdir()
    unpacked = place / "unpacked"
    unpacked.mkdir()
    call(["tar", "-xf", archive, "-C", unpacked], place)
    inside, = unpacked.iterdir()
    inside.rename(place / "source")
    unpacked.rmdir()


@dataclass
class Outcome:
    code: int
    output: str
    errors: str
    seconds: float

    def save(self, place, label):
        (place / f"{label}.out").write_text(self.output)
        (place / f"{label}.err").write_text(self.errors)


def run(suite, place, engine=None):
    """The suite's command, recorded where there is an engine."""
    environment = clean_environment(NO_COLOR="1", COLUMNS="120", CI="1", PYTHONDONTWRITEBYTECODE="1", **suite.environment)
    # A machine's own certificates would answer for the program's.
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"):
        environment.pop(name, None)
    command = list(suite.command)
    if suite.kind == "pypi":
        environment["PATH"] = f"{place / 'venv' / 'bin'}{os.pathsep}{environment['PATH']}"
        command[0] = str(place / "venv" / "bin" / command[0])
    if engine is not None:
        environment["KINO_HOME"] = engine.environment["KINO_HOME"]
        command = [str(binary()), "run", "--", *command]
    begun = time.monotonic()
    done = subprocess.run(command, cwd=place / "source", env=environment, capture_output=True, timeout=SUITE_SECONDS_MAX, stdin=subprocess.DEVNULL)
    seconds = time.monotonic() - begun
    output, errors = (text.decode(errors="backslashreplace") for text in (done.stdout, done.stderr))
    return Outcome(done.returncode, output, errors, seconds)


def own_lines(errors):
    """What `kino run` itself said."""
    return [line for line in errors.splitlines() if line.startswith("kino │")]


def masked(text):
    for pattern, instead in MASKS:
        text = re.sub(pattern, instead, text)
    return [line.rstrip() for line in text.splitlines() if not line.startswith("kino │") and line.strip()]


def counts(outcome):
    """Numbers of tests by outcome, as the runner's summary has them."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", outcome.output + outcome.errors)
    pytest = re.findall(r"^=+ (.*(?:passed|failed|error).*) in [\d.]+", text, re.M)
    if pytest:
        return ", ".join(sorted(re.findall(r"\d+ \w+", pytest[-1]), key=lambda each: each.split()[1] != "passed"))
    mocha = re.findall(r"^\s+(\d+ (?:passing|failing|pending))", text, re.M)
    node = re.findall(r"^ℹ (pass|fail|cancelled|skipped|todo) (\d+)$", text, re.M)
    return ", ".join(mocha) or ", ".join(f"{number} {what}" for what, number in node if number != "0")


def differences(bare, recorded, again):
    """Lines of the recorded run that neither bare run has, and lines that both bare runs have and it has not."""
    found = []
    for what in ("output", "errors"):
        one, other, third = (Counter(masked(getattr(each, what))) for each in (bare, recorded, again))
        found += [f"{what} + {line}" for line in (other - (one | third)).elements()]
        found += [f"{what} - {line}" for line in ((one & third) - other).elements()]
        if one == other and masked(getattr(bare, what)) != masked(getattr(recorded, what)) and masked(getattr(bare, what)) == masked(getattr(again, what)):
            found.append(f"{what}: the same lines in another order")
    return found


def compare(name, engine):
    """Runs a suite bare and recorded; returns a row of the table and what differs."""
    suite, place = SUITES[name], prepared(name)
    bare = run(suite, place)
    recorded = run(suite, place, engine)
    bare.save(place, "bare")
    recorded.save(place, "recorded")
    same = (bare.code, counts(bare)) == (recorded.code, counts(recorded))
    unlike = []
    if not same or any(masked(getattr(bare, what)) != masked(getattr(recorded, what)) for what in ("output", "errors")):
        again = run(suite, place)
        again.save(place, "again")
        unlike = differences(bare, recorded, again)
        if not same and (again.code, counts(again)) == (bare.code, counts(bare)):
            unlike.insert(0, f"exit code and counts: {bare.code}, {counts(bare)}; recorded {recorded.code}, {counts(recorded)}")
    own = "\n".join(own_lines(recorded.errors))
    spans = re.search(r"([\d,]+) spans? in", own)
    if re.search(r"instrumentation itself failed|dropped|could not be read", own):
        unlike.insert(0, f"kino run complains: {own}")
    row = [f"{name} {suite.version}", counts(bare), str(bare.code), spans[1] if spans else "0", f"{bare.seconds:.1f} s", f"{recorded.seconds:.1f} s", "no" if unlike else "yes"]
    return row, unlike


def main():
    names = sys.argv[1:] or list(SUITES)
    print("| suite | results | exit code | spans | bare | recorded | same |\n|---|---|---|---|---|---|---|", flush=True)
    failed = False
    for name in names:
        with tempfile.TemporaryDirectory() as home:
            engine = Engine(Path(home) / "home")
            try:
                row, unlike = compare(name, engine)
            except (RuntimeError, subprocess.TimeoutExpired) as error:
                row, unlike = [name, f"not tried: {str(error)[:600]}", "", "", "", "", ""], ["not tried"]
            finally:
                engine.stop()
        print(f"| {' | '.join(row)} |", flush=True)
        for line in unlike[:40]:
            print(f"    {line[:300]}", file=sys.stderr, flush=True)
        failed |= bool(unlike)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
