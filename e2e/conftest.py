"""A real engine on a home and ports of its own, and the `kino` command that talks to it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client

ROOT = Path(__file__).resolve().parent.parent
E2E = ROOT / "e2e"
# Generous: a slow machine is no failure, a hanging command is.
COMMAND_SECONDS_MAX = 120
PORTS_TRIED_MAX = 5
# Programs that tests execute; the tests of some of them fail on purpose.
collect_ignore = ["apps"]


def binary() -> Path:
    """`KINO_BIN`, else `kino` in `KINO_BIN_DIR`, else in the debug folder of cargo's target."""
    if named := os.environ.get("KINO_BIN"):
        return Path(named)
    if folder := os.environ.get("KINO_BIN_DIR"):
        return Path(folder) / "kino"
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "kino"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def eventually(ask, seconds=30):
    """Asks until the answer is truthy; the last answer otherwise."""
    end = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer or time.monotonic() > end:
            return answer
        time.sleep(0.1)


class Engine:
    def __init__(self, home: Path):
        self.home = home
        self.directory = home.parent / "work"
        self.directory.mkdir(exist_ok=True)
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "KINO_"))}
        self.environment = {**clean, "KINO_HOME": str(home), "NO_COLOR": "1"}
        self.environment.pop("TRACEPARENT", None)
        self.process = None
        self.start()

    def start(self):
        # Between the choice of a port and the engine's own bind, another program may take it.
        for _ in range(PORTS_TRIED_MAX):
            if self.begin():
                return
            log = (self.home.parent / "serve.log").read_text()
            assert "is in use by another program" in (log.splitlines() or [""])[-1], log
        raise AssertionError("no three ports stayed free")

    def begin(self):
        """True once it listens; False where it ended before that."""
        self.http, self.otlp_http, self.otlp_grpc = (f"127.0.0.1:{free_port()}" for _ in range(3))
        addresses = ["--addr", self.http, "--otlp-http", self.otlp_http, "--otlp-grpc", self.otlp_grpc]
        with (self.home.parent / "serve.log").open("a") as log:
            self.process = subprocess.Popen(
                [binary(), "serve", *addresses],
                env=self.environment, cwd=self.directory, stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip
        return bool(self.process.stdout.readline())

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=COMMAND_SECONDS_MAX)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.kill()

    def kino(self, *arguments, check=True, **more):
        done = subprocess.run(
            [binary(), *map(str, arguments)],
            env=self.environment, cwd=self.directory, capture_output=True, timeout=COMMAND_SECONDS_MAX, **more,
        )
        assert not check or done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def json(self, *arguments, **more):
        return json.loads(self.kino(*arguments, "--json", **more).stdout)

    def token(self):
        """The owner's token: new at each start."""
        return json.loads((self.home / "engine.json").read_text())["token"]

    def bearer(self, key=None):
        return {"authorization": f"Bearer {key or self.token()}"}

    def mcp_over_http(self, key=None):
        """How the official SDK's client asks over HTTP, with the owner's token or a key."""
        return streamable_http_client(f"http://{self.http}/mcp", http_client=create_mcp_http_client(headers=self.bearer(key)))

    def request(self, address, path, body=None, headers=None):
        """Status and body of one HTTP request; refusals are answers too."""
        request = urllib.request.Request(f"http://{address}{path}", data=body, headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def send(self, document):
        """Sends OTLP JSON and expects it to be acknowledged."""
        body = json.dumps(document).encode()
        status, answer = self.request(self.otlp_http, "/v1/traces", body, {"content-type": "application/json"})
        assert status == 200, (status, answer)


def span(trace, number, name, start, end, parent=None, **more):
    """One OTLP JSON span; ids are made from small numbers, times are nanoseconds."""
    made = {
        "traceId": f"{trace:032x}", "spanId": f"{number:016x}", "name": name, "kind": more.pop("kind", 1),
        "startTimeUnixNano": str(start), "endTimeUnixNano": str(end), **more,
    }
    if parent is not None:
        made["parentSpanId"] = f"{parent:016x}"
    return made


def text(key, value):
    return {"key": key, "value": {"stringValue": value}}


def otlp(service, spans):
    return {"resourceSpans": [{
        "resource": {"attributes": [text("service.name", service)]},
        "scopeSpans": [{"scope": {"name": "e2e", "version": "1"}, "spans": spans}],
    }]}


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    running = Engine(tmp_path_factory.mktemp("kino") / "home")
    yield running
    running.stop()


@pytest.fixture
def own_engine(tmp_path):
    """For tests that do things to the engine that others would notice."""
    running = Engine(tmp_path / "home")
    yield running
    running.stop()


@pytest.fixture(scope="session")
def python():
    """The interpreter that runs the tests: its environment has the OpenTelemetry packages."""
    return Path(sys.executable)
