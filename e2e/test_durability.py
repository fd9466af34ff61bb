"""What was acknowledged survives a kill, and strangers on the web get no answer."""

import json
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

from conftest import COMMAND_SECONDS_MAX, binary, eventually, otlp, span


def test_acknowledged_spans_survive_a_kill(own_engine):
    now = time.time_ns()
    for batch in range(20):
        own_engine.send(otlp("kill", [span(0x1000 + batch, 1 + n, "work", now, now + 1_000) for n in range(5)]))
    own_engine.kill()
    own_engine.start()
    items = own_engine.json("find", "--service", "kill", "--limit", "100", "--all")["items"]
    assert len(items) == 20
    assert sum(item["span_count"] for item in items) == 100


def test_a_resent_batch_counts_once(own_engine):
    now = time.time_ns()
    batch = otlp("again", [span(0x2000, 1, "work", now, now + 1_000)])
    own_engine.send(batch)
    own_engine.send(batch)
    assert own_engine.json("find", "--service", "again", "--all")["items"][0]["span_count"] == 1


def test_foreign_hosts_and_origins_are_refused(engine):
    for path in ("/api/v1/status", "/mcp"):
        body, kind = b"{}", {"content-type": "application/json", "accept": "application/json, text/event-stream"}
        status, _ = engine.request(engine.http, path, body, {**kind, "host": "evil.example"})
        assert status in (400, 403, 421), f"{path}: a foreign Host got {status}"
        status, _ = engine.request(engine.http, path, body, {**kind, "origin": "https://evil.example"})
        assert status in (400, 403), f"{path}: a foreign Origin got {status}"


def test_a_body_that_is_no_trace_is_refused_whole(engine):
    status, _ = engine.request(engine.otlp_http, "/v1/traces", b"\xff" * 64, {"content-type": "application/x-protobuf"})
    assert status == 400
    status, _ = engine.request(engine.otlp_http, "/v1/traces", b"{}", {"content-type": "text/plain"})
    assert status == 415


class Senders:
    """Four programs that send without a pause, and what each was answered."""

    def __init__(self, engine, service):
        self.engine, self.service = engine, service
        self.acknowledged, self.refused = [], []
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self.send, args=(number,)) for number in range(4)]
        for thread in self.threads:
            thread.start()

    def send(self, number):
        for batch in range(1_000_000):
            if self.over.is_set():
                return
            now, trace = time.time_ns(), (number + 1) << 40 | batch + 1
            body = json.dumps(otlp(self.service, [span(trace, 1, "work", now, now + 1_000)])).encode()
            began = time.monotonic()
            try:
                kind = {"content-type": "application/json"}
                status, _ = self.engine.request(self.engine.otlp_http, "/v1/traces", body, kind)
            except OSError:
                status = 0
            (self.acknowledged if status == 200 else self.refused).append((began, f"{trace:032x}"))

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join()


@pytest.mark.parametrize("what", ["renamed", "removed", "log removed"])
def test_nothing_is_acknowledged_once_the_home_is_gone(own_engine, what):
    other = own_engine.home.parent / "other"
    senders = Senders(own_engine, "gone")
    assert eventually(lambda: len(senders.acknowledged) > 200)
    if what == "renamed":
        own_engine.home.rename(other)
    elif what == "removed":
        shutil.rmtree(own_engine.home)
    else:
        shutil.rmtree(own_engine.home / "wal")
    gone = time.monotonic()
    assert eventually(lambda: sum(began > gone for began, _ in senders.refused) > 20)
    senders.stop()
    late = [trace for began, trace in senders.acknowledged if began > gone]
    assert late == [], f"{len(late)} of {len(late) + len(senders.refused)} requests after the home was gone"
    if what == "log removed":
        warnings = own_engine.json("status")["warnings"]
        assert "removed, renamed or replaced" in warnings[0], warnings
        stopped = own_engine.kino("stop", check=False)
        assert stopped.returncode != 0 and b"removed, renamed or replaced" in stopped.stderr, stopped
    else:
        own_engine.process.terminate()
    assert own_engine.process.wait(timeout=COMMAND_SECONDS_MAX) != 0
    assert "removed, renamed or replaced" in (own_engine.home.parent / "serve.log").read_text()
    if what == "renamed":
        own_engine.home, own_engine.environment["KINO_HOME"] = other, str(other)
        own_engine.start()
        spans = own_engine.json("status")["spans"]
        assert spans == len(senders.acknowledged), "each request was one span"


def test_a_lost_catalog_is_said_and_restored(own_engine):
    now = time.time_ns()
    own_engine.send(otlp("lost", [span(0x3000, 1 + n, "work", now, now + 1_000) for n in range(5)]))
    own_engine.kino("run", "--", "true")
    own_engine.kino("lake", "files", "--flush", check=False)
    own_engine.kino("stop")
    for file in own_engine.home.glob("meta.sqlite*"):
        file.unlink()
    refused = own_engine.kino("find", check=False)
    assert refused.returncode == 4 and b"kino doctor --rebuild" in refused.stderr, refused
    assert not (own_engine.home / "meta.sqlite").exists()
    rebuilt = own_engine.json("doctor", "--rebuild")
    assert all(check["state"] == "ok" for check in rebuilt["checks"]), rebuilt
    own_engine.start()
    items = own_engine.json("find", "--service", "lost", "--all")["items"]
    assert [item["span_count"] for item in items] == [5]
    again = own_engine.kino("doctor", "--rebuild", check=False)
    assert again.returncode == 75, again


EXPORTS_ONE_SPAN = """
import os, pathlib, sys, urllib.request
pathlib.Path(sys.argv[1]).write_text("begun")
url = os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] + "/v1/traces"
urllib.request.urlopen(urllib.request.Request(url, sys.argv[2].encode(), {"content-type": "application/json"})).read()
"""


def test_a_command_need_not_wait_for_the_log_to_be_read_back(own_engine, tmp_path):
    """The engine is held while it starts: the command begins, its span waits at the listener, and both are kept."""
    now = time.time_ns()
    for number in range(5):
        first = number * 1000
        own_engine.send(otlp("before", [span(first + each + 1, 1, "old", now, now + 1) for each in range(1000)]))
    own_engine.kill()
    addresses = ["--addr", own_engine.http, "--otlp-http", own_engine.otlp_http, "--otlp-grpc", own_engine.otlp_grpc]
    starting = subprocess.Popen(
        [binary(), "serve", *addresses], env=own_engine.environment, stdout=subprocess.DEVNULL
    )
    own_engine.process = starting
    said = {}
    while said.get("pid") != starting.pid:
        assert starting.poll() is None, "the engine ended"
        said = json.loads((own_engine.home / "engine.json").read_text())
    starting.send_signal(signal.SIGSTOP)
    assert said["starting"] and said["otlp_http"] == own_engine.otlp_http, said

    begun, body = tmp_path / "begun", json.dumps(otlp("meanwhile", [span(0xFEED, 1, "sent early", now, now + 1)]))
    run = subprocess.Popen(
        [binary(), "run", "--", sys.executable, "-c", EXPORTS_ONE_SPAN, str(begun), body],
        env=own_engine.environment, cwd=own_engine.directory, stderr=subprocess.PIPE, text=True,
    )
    try:
        assert eventually(begun.exists), "the command waits for the engine"
        assert run.poll() is None
    finally:
        starting.send_signal(signal.SIGCONT)
    _, notes = run.communicate(timeout=COMMAND_SECONDS_MAX)
    assert run.returncode == 0, notes
    assert own_engine.otlp_http in notes and "where they wait" in notes, notes
    assert own_engine.json("find", "--service", "meanwhile")["items"], notes
    recorded = re.search(r"· run ([0-9a-f]+)", notes)[1]
    opened = own_engine.json("open", f"run:{recorded}")
    assert own_engine.json("explain", opened["trace_id"])["schema"] == "kino.explain.v2", notes
