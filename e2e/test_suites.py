"""Tests as executions: suites of pytest, nextest and cargo under `kino run`, JUnit reports, and what is said about them."""

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import COMMAND_SECONDS_MAX, binary, eventually
from mcp import ClientSession

CART = '''
import os
import sqlite3
import time

import pytest


@pytest.fixture
def shop():
    shop = sqlite3.connect(":memory:")
    shop.execute("create table items (name text, price int)")
    return shop


def test_many(shop):
    for number in range(30):
        shop.execute("insert into items values (?, ?)", ("a", number))


def test_slow():
    time.sleep(float(os.environ.get("SLEEP", "0.05")))


def test_total(shop):
    assert TOTAL == 3, "the total is wrong"


def test_now_and_then():
    assert os.environ.get("LUCK", "good") == "good"


@pytest.mark.skip
def test_later():
    pass
'''

MASKS = [(r"\d+\.\d+s\b", "Ns"), (r"[0-9a-f]{8}-[0-9a-f-]{27}", "UUID"), (r"\(\d+\) panicked", "(N) panicked"), (r"\(\d/\d\)", "(N)")]


def git(folder, *words):
    who = ["-c", "user.name=e2e", "-c", "user.email=e2e@example.com"]
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


def commit(folder):
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "state")


def run(engine, folder, *command, options=(), more=None):
    """The command under `kino run` in a folder: the finished process and the run's record."""
    record = folder.parent / "record.json"
    done = subprocess.run(
        [binary(), "run", *options, "--json-out", record, "--", *map(str, command)],
        env={**engine.environment, **(more or {})}, cwd=folder, capture_output=True, text=True, timeout=COMMAND_SECONDS_MAX,
    )
    return done, json.loads(record.read_text())


def ask(engine, folder, *words):
    done = subprocess.run(
        [binary(), *map(str, words), "--json"], env=engine.environment, cwd=folder, capture_output=True, text=True,
        timeout=COMMAND_SECONDS_MAX,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def shown(engine, folder, *words):
    done = subprocess.run(
        [binary(), *map(str, words)], env={**engine.environment, "COLUMNS": "100"}, cwd=folder, capture_output=True, text=True,
        timeout=COMMAND_SECONDS_MAX,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def on(answer, kind):
    return [item["name"] for item in answer["items"] if kind in item["lists"]]


def items(engine, folder, record):
    answer = ask(engine, folder, "explain", "--tests", "--run", record["run_id"], "--top", "1000")
    return {item["name"]: item for item in answer["items"]}, answer


@pytest.fixture(scope="module")
def suite(engine, tmp_path_factory):
    """A repository with a suite of pytest, run three times: two at one state of the code, the last at the next."""
    folder = tmp_path_factory.mktemp("suite") / "shop"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / ".gitignore").write_text("__pycache__\n.pytest_cache\n")
    (folder / "test_cart.py").write_text("TOTAL = 3\n" + CART)
    commit(folder)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    _, first = run(engine, folder, *command)
    done, second = run(engine, folder, *command, more={"LUCK": "bad"})
    assert done.returncode == 1, done.stdout
    (folder / "test_cart.py").write_text("TOTAL = 4\n" + CART)
    commit(folder)
    _, third = run(engine, folder, *command, more={"SLEEP": "0.4"})
    return folder, [first, second, third]


def test_tests_that_fail_flicker_or_cost_are_named_with_their_execution(engine, suite):
    folder, (first, second, third) = suite
    answer = ask(engine, folder, "explain", "--tests")
    assert (answer["tests"], answer["executions"], answer["runs"]) == (5, 15, 3)
    assert on(answer, "failing") == ["test_total"] and on(answer, "flaky") == ["test_now_and_then"]
    by_name = {item["name"]: item for item in answer["items"]}
    assert max(on(answer, "slowest"), key=lambda name: by_name[name]["median_nanos"]) == "test_slow"
    assert by_name["test_many"]["statements"] == 31 and "test_many" in on(answer, "statements")
    assert "the total is wrong" in by_name["test_total"]["message"]
    assert by_name["test_total"]["location"]["path"] == str(folder / "test_cart.py")
    assert answer["outcomes"]["skipped"] == 3
    flaky = by_name["test_now_and_then"]
    assert flaky["evidence"]["trace_id"] == second["trace_id"] and flaky["passed"]["trace_id"] == first["trace_id"]
    # The execution to look at is a part of its run's trace.
    part = ask(engine, folder, *by_name["test_many"]["next"].split()[1:])
    assert part["root"]["name"] == "test_many" and part["missing_parents"] == 0
    text = shown(engine, folder, *by_name["test_many"]["next"].split()[1:])
    assert "INSERT" in text and "test_total" not in text
    one = ask(engine, folder, "explain", "--tests", "--run", first["run_id"][:8])
    assert on(one, "failing") == [] and one["executions"] == 5


def test_the_list_has_its_formats_and_says_what_it_leaves_out(engine, suite):
    folder, _ = suite
    text = shown(engine, folder, "explain", "--tests", "--top", "1")
    for word in ("Failing", "Flaky", "Slowest", "Most database calls", "test_many", "kino explain "):
        assert word in text, text
    assert "others (--top N shows more)" in text
    lines = shown(engine, folder, "explain", "--tests", "--format", "jsonl").splitlines()
    assert {json.loads(line)["name"] for line in lines} >= {"test_total", "test_many"}
    assert shown(engine, folder, "explain", "--tests", "--format", "csv").startswith("lists,service,")
    refused = engine.kino("explain", "--format", "csv", "x", check=False)
    assert refused.returncode == 2 and b"--tests" in refused.stderr


def test_two_runs_of_a_suite_are_compared_test_by_test(engine, suite):
    folder, (first, second, third) = suite
    tests = ask(engine, folder, "compare", "--before", f"run:{first['run_id']}", "--after", f"run:{third['run_id']}")["tests"]
    (failed,) = tests["new_failures"]
    assert failed["name"] == "test_total" and failed["after"]["evidence"]["trace_id"] == third["trace_id"]
    assert failed["before"]["outcome"] == "passed" and failed["before"]["evidence"]["trace_id"] == first["trace_id"]
    assert [change["name"] for change in tests["slower"]] == ["test_slow"] and tests["slower"][0]["factor"] > 3
    back = ask(engine, folder, "compare", "--before", f"run:{third['run_id']}", "--after", f"run:{first['run_id']}")["tests"]
    assert [change["name"] for change in back["repaired"]] == ["test_total"] and back["new_failures"] == []
    same = ask(engine, folder, "compare", "--before", f"run:{first['run_id']}", "--after", f"run:{second['run_id']}")["tests"]
    assert [change["name"] for change in same["flaky"]] == ["test_now_and_then"] and same["new_failures"] == []
    text = shown(engine, folder, "compare", "--before", f"run:{first['run_id']}", "--after", f"run:{third['run_id']}")
    assert "New failures" in text and "the total is wrong" in text


def test_an_assistant_asks_for_tests_too(engine, suite):
    folder, (first, _, third) = suite

    async def calls():
        async with engine.mcp_over_http() as (read, write, *_), ClientSession(read, write) as session:
            await session.initialize()
            listed = await session.call_tool("find_traces", {"list": "tests", "all": True})
            table = listed.structured_content["tables"]["tests"]
            rows = [dict(zip(table["columns"], row)) for row in table["rows"]]
            many = next(row for row in rows if row["untrusted.name"] == "test_many")
            explained = await session.call_tool("explain", {"target": many["evidence"]})
            compared = await session.call_tool(
                "compare_runs", {"before": f"run:{first['run_id']}", "after": f"run:{third['run_id']}", "all": True, "budget_tokens": 4000}
            )
            return listed.structured_content, many, explained.structured_content, compared.structured_content

    listed, many, explained, compared = asyncio.run(calls())
    assert listed["facts"]["failing"] >= 1 and many["statements"] == 31
    assert explained["facts"]["untrusted.root"] == "test_many"
    changed = compared["tables"]["tests_changed"]
    assert ["new failure", "test_total"] == [changed["rows"][0][changed["columns"].index(name)] for name in ("change", "untrusted.name")]


def test_tests_are_no_entry_points_of_a_service_that_findings_are_about(engine, suite):
    folder, _ = suite
    insights = ask(engine, folder, "insights")
    assert not [item for item in insights["items"] if item["code"] in ("bottleneck", "error_cluster")], insights


def test_a_report_of_pytest_is_imported_once(own_engine, tmp_path, python):
    suite = tmp_path / "reported"
    suite.mkdir()
    (suite / "test_cart.py").write_text("TOTAL = 4\n" + CART)
    report = tmp_path / "report.xml"
    subprocess.run([python, "-m", "pytest", "-q", f"--junitxml={report}"], cwd=suite, capture_output=True)
    for _ in range(2):
        imported = own_engine.json("import", report)
        assert (imported["format"], imported["spans"]) == ("junit-xml", 6)
    answer = own_engine.json("explain", "--tests", "--all")
    assert answer["executions"] == 5 and on(answer, "failing") == ["test_total"]
    broken = tmp_path / "bomb.xml"
    broken.write_text('<!DOCTYPE x [<!ENTITY a "aaaa">]><html>&a;</html>')
    refused = own_engine.kino("import", broken, check=False)
    assert refused.returncode == 1 and b"<html>" in refused.stderr


def test_reports_that_a_run_writes_are_taken_in(own_engine, tmp_path, python):
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "test_cart.py").write_text("TOTAL = 4\n" + CART)
    (tmp_path / "outside.xml").write_text('<testsuite><testcase name="outside"/></testsuite>')
    (folder / "old.xml").write_text('<testsuite><testcase name="old"/></testsuite>')
    os.utime(folder / "old.xml", (1, 1))
    (folder / "link.xml").symlink_to(tmp_path / "outside.xml")
    (own_engine.home / "config.toml").write_text('[run]\njunit = "**/*.xml"\n')
    command = [python, "-m", "pytest", "-q", "--junitxml=reports/junit.xml"]
    done, record = run(own_engine, folder, *command, options=["--no-inject"])
    by_name, answer = items(own_engine, folder, record)
    assert set(by_name) >= {"test_total", "test_many"} and not {"old", "outside"} & set(by_name), by_name
    assert by_name["test_total"]["evidence"]["trace_id"] == record["trace_id"]
    assert by_name["test_total"]["framework"] == "junit" and "1 links are passed over" in done.stderr
    # What the processes recorded themselves says more, and counts once.
    done, record = run(own_engine, folder, *command)
    by_name, answer = items(own_engine, folder, record)
    assert answer["executions"] == 5 and by_name["test_total"]["framework"] == "pytest", done.stderr
    assert "recorded its tests themselves" in done.stderr
    (own_engine.home / "config.toml").write_text('[run]\njunit = "../*.xml"\n')
    done, _ = run(own_engine, folder, *command, options=["--no-inject"])
    assert "is not read" in done.stderr


LIBRARY = """
#[cfg(test)]
mod tests {
    #[test]
    fn adds() {
        println!("from adds");
        assert_eq!(2 + 2, 4);
    }

    #[test]
    fn fails() {
        eprintln!("before the end");
        assert_eq!(2 + 2, 5, "it does not add up");
    }

    #[test]
    fn aborts() {
        std::process::abort();
    }

    #[test]
    fn hangs() {
        std::thread::sleep(std::time::Duration::from_secs(600));
    }

    #[test]
    #[ignore]
    fn later() {}

    #[test]
    fn grows() {
        let mut many = vec![0u8; 200 << 20];
        many.chunks_mut(4096).for_each(|page| page[0] = 1);
        assert_eq!(std::hint::black_box(many)[4096], 1);
    }

    #[test]
    fn has_a_parent() {
        let text = std::env::var("TRACEPARENT").unwrap_or_default();
        println!("{} {text}", std::fs::read_to_string("/proc/thread-self/status").unwrap().lines()
            .find(|line| line.starts_with("SigBlk")).unwrap());
        assert!(text.is_empty() || text.len() == 55);
    }
}
"""


@pytest.fixture(scope="module")
def crate(tmp_path_factory):
    """A Rust package without dependencies, in a workspace, with a unit and an integration test."""
    if not shutil.which("cargo"):
        pytest.skip("cargo is not installed")
    folder = tmp_path_factory.mktemp("rust") / "work space"
    package = folder / "shop"
    (package / "src").mkdir(parents=True)
    (package / "tests").mkdir()
    (folder / "Cargo.toml").write_text('[workspace]\nmembers = ["shop"]\nresolver = "3"\n')
    (package / "Cargo.toml").write_text('[package]\nname = "shop"\nversion = "0.1.0"\nedition = "2021"\n')
    (package / "src" / "lib.rs").write_text(LIBRARY)
    (package / "tests" / "it.rs").write_text("#[test]\nfn whole() {}\n")
    nextest = folder / ".config"
    nextest.mkdir()
    slow = 'slow-timeout = { period = "4s", terminate-after = 1, grace-period = "1s" }\n'
    (nextest / "nextest.toml").write_text(f"[profile.default]\nfail-fast = false\nretries = 0\n{slow}[profile.patient]\nslow-timeout = \"600s\"\n")
    return folder


def rust_environment(crate):
    dropped = ("CARGO", "NEXTEST", "RUST", "KINO_", "OTEL_", "TRACEPARENT")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(dropped) or key in ("CARGO_HOME", "RUSTUP_HOME")}
    return {**kept, "CARGO_TARGET_DIR": str(crate / "target"), "CARGO_TERM_COLOR": "never", "CARGO_NET_OFFLINE": "true"}


def masked(text):
    for pattern, replacement in MASKS:
        text = re.sub(pattern, replacement, text)
    # Tests run at the same time: their lines come in any order.
    return sorted(line for line in re.sub(r"\[\s*[\d.NsS ]+\]", "[T]", text).splitlines() if "TRACEPARENT" not in line)


def needs_nextest():
    found = subprocess.run(["cargo", "nextest", "--version"], capture_output=True)
    if found.returncode != 0:
        pytest.skip("cargo-nextest is not installed: its tests are NOT covered here")


def for_rust(engine, crate):
    """The environment of `rust_environment` for what the engine's command starts."""
    own = {key: value for key, value in engine.environment.items() if key.startswith(("KINO_", "NO_COLOR"))}
    engine.environment.clear()
    engine.environment.update({**rust_environment(crate), **own})


def recorded(engine, crate, *command, options=(), more=None):
    for_rust(engine, crate)
    return run(engine, crate, *command, options=options, more=more)


def test_each_test_of_nextest_is_recorded_and_its_output_is_as_before(engine, crate):
    needs_nextest()
    command = ["cargo", "nextest", "run", "--offline", "--color", "never"]
    subprocess.run([*command, "--no-run"], cwd=crate, env=rust_environment(crate), check=True, capture_output=True)
    bare = subprocess.run(command, cwd=crate, env=rust_environment(crate), capture_output=True, text=True, timeout=COMMAND_SECONDS_MAX)
    done, record = recorded(engine, crate, *command)
    assert done.returncode == bare.returncode == 100
    assert masked(done.stdout) == masked(bare.stdout)
    own = [line for line in masked(done.stderr) if "kino" not in line and "│" not in line]
    missing = [line for line in masked(bare.stderr) if line not in own]
    assert not [line for line in missing if line.strip()], "\n".join(missing) + "\n---\n" + "\n".join(own)
    by_name, answer = items(engine, crate, record)
    outcomes = {name.removeprefix("tests::"): item["outcome"] for name, item in by_name.items()}
    assert outcomes == {
        "adds": "passed", "fails": "failed", "aborts": "error", "hangs": "timed_out", "grows": "passed",
        "has_a_parent": "passed", "whole": "passed",
    }
    assert by_name["whole"]["suite"] == "shop::it" and by_name["tests::adds"]["suite"] == "shop"
    assert by_name["tests::adds"]["framework"] == "nextest" and by_name["tests::adds"]["median_nanos"] > 0
    assert 200 << 20 <= by_name["tests::grows"]["peak_memory_bytes"] < 300 << 20
    assert by_name["tests::adds"]["peak_memory_bytes"] < 60 << 20
    assert {item["evidence"]["trace_id"] for item in by_name.values()} == {record["trace_id"]}
    assert set(on(answer, "failing")) == {"tests::fails", "tests::aborts", "tests::hangs"}


def test_what_a_test_starts_lies_below_it_and_no_signal_is_blocked(engine, crate):
    needs_nextest()
    done, record = recorded(
        engine, crate, "cargo", "nextest", "run", "--offline", "--no-capture", "-E", "test(has_a_parent)",
    )
    assert done.returncode == 0, done.stderr
    printed = next(line for line in (done.stdout + done.stderr).splitlines() if "SigBlk" in line)
    assert re.search(r"SigBlk:\s+0{16} 00-", printed), printed
    by_name, _ = items(engine, crate, record)
    evidence = by_name["tests::has_a_parent"]["evidence"]
    assert f"00-{evidence['trace_id']}-{evidence['span_id']}-01" in printed


def test_a_runner_of_the_users_goes_on_being_called(engine, crate, tmp_path):
    needs_nextest()
    marks = tmp_path / "marks"
    runner = tmp_path / "runner"
    runner.write_text(f'#!/bin/sh\necho "$@" >> {marks}\nexec "$@"\n')
    runner.chmod(0o755)
    host = re.search(r"host: (\S+)", subprocess.run(["rustc", "-vV"], capture_output=True, text=True).stdout).group(1)
    variable = f"CARGO_TARGET_{host.upper().replace('-', '_')}_RUNNER"
    done, record = recorded(
        engine, crate, "cargo", "nextest", "run", "--offline", "-E", "test(adds)", more={variable: str(runner)},
    )
    assert done.returncode == 0, done.stderr
    called = marks.read_text()
    assert "--list" in called and "--exact tests::adds" in called
    assert list(items(engine, crate, record)[0]) == ["tests::adds"]


def test_an_interrupted_run_of_nextest_ends_as_without(engine, crate):
    needs_nextest()
    command = ["cargo", "nextest", "run", "--offline", "-E", "test(hangs)", "--profile", "patient"]
    for_rust(engine, crate)
    running = subprocess.Popen(
        [binary(), "run", "--", *command], env=engine.environment, cwd=crate, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
    )
    assert eventually(lambda: [pid for pid in processes() if "--exact tests::hangs" in pid])
    os.killpg(running.pid, signal.SIGINT)
    running.communicate(timeout=COMMAND_SECONDS_MAX)
    assert running.returncode == 100 or running.returncode > 128, running.returncode
    assert eventually(lambda: not [pid for pid in processes() if "--exact tests::hangs" in pid])


def processes():
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            except OSError:
                continue
    return found


def test_names_and_outcomes_of_cargo_test_come_from_its_text(engine, crate):
    command = ["cargo", "test", "--offline", "--no-fail-fast", "--", "--skip", "aborts", "--skip", "hangs"]
    done, record = recorded(engine, crate, *command)
    assert done.returncode == 101, done.stderr
    assert "gives them no duration each" in done.stderr
    answer = ask(engine, crate, "explain", "--tests", "--run", record["run_id"])
    assert (answer["tests"], answer["outcomes"]) == (6, {"passed": 4, "failed": 1, "skipped": 1})
    (failed,) = [item for item in answer["items"] if "failing" in item["lists"]]
    assert failed["name"] == "tests::fails" and "it does not add up" in failed["message"]
    assert failed["suite"] == "shop src/lib.rs" and failed["median_nanos"] is None
    assert "no duration of their own" in answer["notes"][0]
    assert [item for item in answer["items"] if "slowest" in item["lists"]] == []
