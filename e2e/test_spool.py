"""Sandboxes: commands run where no engine can be reached, and a later command takes their records in, once."""

import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time

import pytest
from conftest import COMMAND_SECONDS_MAX, Engine, binary, eventually

SECRET = "AKIAIOSFODNN7EXAMPLE"
PROGRAM = f"""
import sqlite3
database = sqlite3.connect(":memory:")
for number in range(3):
    database.execute("select '{SECRET}'")
print("printed {SECRET}")
"""
# A network namespace of its own has no loopback address until somebody sets it up.
ALONE = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--net"]


def can_unshare():
    return bool(shutil.which("unshare")) and subprocess.run([*ALONE, "true"], capture_output=True).returncode == 0


needs_namespace = pytest.mark.skipif(not can_unshare(), reason="NOT TRIED: this needs network namespaces (unshare --net)")


@pytest.fixture
def place(tmp_path):
    """A working directory with a program, and the environment of a home that cannot be written: it is a file."""
    directory = tmp_path / "work"
    directory.mkdir()
    (directory / "app.py").write_text(PROGRAM)
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "KINO_", "TRACEPARENT"))}
    (tmp_path / "no-home").write_text("")
    return directory, {**clean, "KINO_HOME": str(tmp_path / "no-home"), "NO_COLOR": "1"}


def kino(place, *arguments, before=(), **more):
    directory, environment = place
    command = [*before, binary(), *map(str, arguments)]
    environment = {**environment, **more}
    return subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, timeout=COMMAND_SECONDS_MAX)


def waiting(directory):
    return sorted((directory / ".kino" / "spool").glob("*.spool"))


def with_engine(place, tmp_path):
    """An engine on a home that can be written, whose commands run in the directory of the place."""
    running = Engine(tmp_path / "home")
    running.directory = place[0]
    return running


def test_where_no_engine_can_be_had_a_run_waits_redacted_and_is_taken_in_once(place, tmp_path, python):
    directory, _ = place
    ran = kino(place, "run", "--label", "alone", "--", python, "app.py")
    assert ran.returncode == 0 and ran.stdout == f"printed {SECRET}\n", ran.stderr
    said = [line for line in ran.stderr.splitlines() if "kino" in line]
    assert len(said) == 1 and "is not a folder" in said[0] and ".kino/spool with 4 spans" in said[0], ran.stderr
    (file,) = waiting(directory)
    text = file.read_text()
    assert SECRET not in text and "[redacted:" in text
    assert (directory / ".kino/spool/.gitignore").read_text() == "*\n"
    engine = with_engine(place, tmp_path)
    try:
        taken = engine.kino("runs", "--json")
        assert b"took in 1 run with 4 spans from .kino/spool" in taken.stderr, taken.stderr
        (run,) = json.loads(taken.stdout)["items"]
        assert (run["label"], run["exit_code"]) == ("alone", 0)
        shown = engine.json("open", f"run:{run['run_id']}")
        output = engine.kino("open", f"blob:{shown['stdout_blob']}").stdout.decode()
        assert "printed [redacted:" in output
        assert waiting(directory) == []
        assert engine.kino("runs").stderr == b""
        assert len(engine.json("runs")["items"]) == 1
    finally:
        engine.stop()


def test_commands_at_once_take_each_run_once(place, tmp_path):
    directory, _ = place
    for _ in range(6):
        kino(place, "run", "--", "true")
    assert len(waiting(directory)) == 6
    engine = with_engine(place, tmp_path)
    try:
        said = []
        takers = [threading.Thread(target=lambda: said.append(engine.kino("services").stderr.decode())) for _ in range(4)]
        for taker in takers:
            taker.start()
        for taker in takers:
            taker.join()
        taken = [int(number) for number in re.findall(r"took in (\d+) runs? with", "".join(said))]
        assert sum(taken) == 6, said
        assert len(engine.json("runs")["items"]) == 6
    finally:
        engine.stop()


def test_a_run_whose_recorder_was_killed_is_taken_in_as_lost(place, tmp_path, python):
    directory, environment = place
    program = "import sqlite3, time; sqlite3.connect(':memory:').execute('select 1'); print('now', flush=True); time.sleep(60)"
    command = [binary(), "run", "--", python, "-c", program]
    process = subprocess.Popen(command, cwd=directory, env=environment, stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout.readline() == b"now\n"
    end = time.monotonic() + 30
    # Both spans, which may come one after the other.
    while time.monotonic() < end and not any(b'"SELECT"' in file.read_bytes() for file in waiting(directory)):
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    engine = with_engine(place, tmp_path)
    try:
        assert b"took in 1 run with 2 spans" in engine.kino("runs").stderr
        (run,) = engine.json("runs")["items"]
        assert run["lost"] is True
    finally:
        engine.stop()


@needs_namespace
def test_in_a_network_without_loopback_runs_are_recorded_over_the_socket(place, tmp_path, python):
    """The engine may be outside of it, or start in it."""
    home = {"KINO_HOME": str(tmp_path / "home")}
    for begin in (["find"], ["stop"]):
        kino(place, *begin, **home)
        ran = kino(place, "run", "--", python, "app.py", before=ALONE, **home)
        assert ran.returncode == 0 and "4 spans in 1 trace" in ran.stderr, ran.stderr
        lines = ran.stderr.splitlines()
        assert len(set(lines)) == len(lines), "nothing is said twice"
    kino(place, "stop", **home)
    assert waiting(place[0]) == []


def test_what_a_repository_could_have_brought_is_named_and_left(place, tmp_path):
    directory, _ = place
    git = ["git", "-C", directory, "-c", "user.name=a", "-c", "user.email=a@example.com"]
    subprocess.run([*git, "init", "-q"], check=True)
    kino(place, "run", "--", "true")
    assert subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True).stdout == "?? app.py\n"
    subprocess.run([*git, "add", "--force", ".kino"], check=True)
    refused = kino(place, "run", "--", "sh", "-c", "echo ran")
    assert refused.returncode == 0 and refused.stdout == "ran\n"
    assert "git tracks files below" in refused.stderr and len(waiting(directory)) == 1
    engine = with_engine(place, tmp_path)
    try:
        assert b"git tracks files below" in engine.kino("runs").stderr
        assert engine.json("runs")["items"] == [] and len(waiting(directory)) == 1
    finally:
        engine.stop()


LONG = """
import sqlite3, sys
database = sqlite3.connect(":memory:")
database.execute("select 'before'")
print("now", flush=True)
sys.stdin.readline()
for number in range(5):
    database.execute("select 'after'")
"""


@pytest.mark.parametrize("returns", [True, False], ids=["an-engine-starts", "none-can"])
def test_spans_of_an_engine_that_dies_in_the_middle_are_not_lost(place, tmp_path, python, returns):
    directory, _ = place
    (directory / "long.py").write_text(LONG)
    engine = with_engine(place, tmp_path)
    try:
        process = subprocess.Popen(
            [binary(), "run", "--label", "long", "--", python, "long.py"], cwd=directory, env=engine.environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdout.readline() == "now\n"
        assert eventually(lambda: b"SELECT" in engine.kino("export").stdout)
        engine.kill()
        if not returns:
            os.rename(engine.home, tmp_path / "moved")
            engine.home.write_text("")
        _, errors = process.communicate("go\n", timeout=COMMAND_SECONDS_MAX)
        assert process.returncode == 0, errors
        if returns:
            assert "the engine ended in the middle of this run: 5 of its spans go by way of .kino/spool" in errors, errors
            assert "took in 1 run with 5 spans from .kino/spool" in errors, errors
        else:
            assert "this run waits in .kino/spool with 5 spans" in errors, errors
            engine.home.unlink()
            os.rename(tmp_path / "moved", engine.home)
            engine.start()
            assert b"took in 1 run with 5 spans" in engine.kino("runs").stderr
        (run,) = engine.json("runs")["items"]
        assert (run["label"], run["exit_code"]) == ("long", 0)
        shown = engine.json("open", f"run:{run['run_id']}")
        assert shown["spans"] == 7, "connect, one statement before, five after"
        assert waiting(directory) == []
    finally:
        engine.kino("stop", check=False)
        engine.stop()


def test_tests_that_only_a_report_or_the_output_names_wait_too(place, tmp_path):
    directory, environment = place
    printed = "running 2 tests\ntest cart::adds ... ok\ntest cart::total ... FAILED\n\ntest result: FAILED. 1 passed; 1 failed\n"
    (directory / "cargo").write_text(f"#!/bin/sh\nprintf '%s' '{printed}'\n")
    (directory / "cargo").chmod(0o755)
    ran = kino(place, "run", "--", "./cargo", "test")
    assert "tests are read from the output of `cargo test`" in ran.stderr and ".kino/spool with 2 spans" in ran.stderr, ran.stderr
    engine = with_engine(place, tmp_path)
    try:
        assert b"took in 1 run with 2 spans" in engine.kino("runs").stderr
        answer = engine.json("explain", "--tests", "--all")
        assert answer["outcomes"] == {"passed": 1, "failed": 1}, answer
    finally:
        engine.stop()


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_taken_in(place, tmp_path):
    directory, _ = place
    for _ in range(2):
        kino(place, "run", "--", "true")
    first, second = waiting(directory)
    first.chmod(0o622)
    engine = with_engine(place, tmp_path)
    try:
        said = engine.kino("runs").stderr.decode()
        assert first.name in said and "took in 1 run" in said, said
        assert waiting(directory) == [first]
    finally:
        engine.stop()
