"""Every view at several widths of the terminal: no line is wider, and none breaks inside a word."""

import json
import re
import subprocess
import sys
import time

import pytest

from conftest import binary, eventually, otlp, span

MS = 1_000_000
WIDTHS = [40, 60, 80]
LONG = "POST /organisations/{organisation_id}/projects/{project_id}/deployments/{deployment_id}/rollback"
SENTENCE = "Could not reserve the last item of the basket since another customer has it in theirs, and the reservation ends later"
SERVICE = "a-service-with-a-name-that-is-long-for-a-column"

VIEWS = {
    "find": ["find", "--all"],
    "services": ["services", "--all"],
    "operations": ["operations", "--all"],
    "runs": ["runs", "--all"],
    "errors": ["errors", "--all"],
    "insights": ["insights", "--all"],
    "search": ["search", "reserve", "--all"],
    "diagnose": ["diagnose", "--all"],
    "system": ["explain", "--system", "--all"],
    "window": ["explain", "--since", "10m", "--against", "2h", "--all"],
    "tests": ["explain", "--tests", "--all"],
    "operation": ["explain", LONG, "--all"],
    "part of a name": ["explain", "rollback", "--all"],
    "trace": ["explain", f"{0xB1:032x}"],
    "failed trace": ["explain", f"{0xB9:032x}"],
    "tree": ["explain", f"{0xB1:032x}", "--tree"],
    "flame": ["explain", f"{0xB1:032x}", "--flame"],
    "critical path": ["explain", f"{0xB1:032x}", "--list", "critical-path"],
    "breakdown": ["explain", f"{0xB1:032x}", "--list", "breakdown"],
    "other roots": ["explain", f"{0xB1:032x}", "--list", "other-roots"],
    "findings": ["explain", f"{0xB1:032x}", "--list", "findings"],
    "inputs": ["predict", LONG, "--all"],
    "forecast": ["predict", LONG, "--attr", "size", "--at", "500", "--all"],
    "open": ["open", f"{0xB9:032x}"],
    "settings": ["config", "show"],
    "status": ["status"],
    "lake": ["lake", "files", "--flush"],
    "doctor": ["doctor"],
    "help": ["explain", "--help"],
}


def failure(time_unix_nanos):
    stack = "Traceback (most recent call last):\n" + "".join(
        f'  File "/srv/shop/a_folder_of_some_depth/reservations/module_{index}.py", line {index}, in reserve_item_{index}\n'
        f"    reserve(item)\n" for index in range(4)
    ) + f"ReservationError: {SENTENCE}"
    return {"timeUnixNano": str(time_unix_nanos), "name": "exception", "attributes": [
        {"key": key, "value": {"stringValue": text}} for key, text in
        [("exception.type", "shop.reservations.ReservationError"), ("exception.message", SENTENCE), ("exception.stacktrace", stack)]
    ]}


@pytest.fixture(scope="module")
def deployed(engine):
    """Traces with long names: calls that repeat, several roots, one that fails; and a run."""
    start = time.time_ns() - 120_000 * MS
    for number in range(1, 10):
        trace = 0xB0 + number
        # Some are an hour older, so that there is something to compare a window of time with.
        begin = start + number * 1_000 * MS - (3_600_000 * MS if number in (2, 3, 4) else 0)
        is_failed = number == 9
        root = span(trace, 1, LONG, begin, begin + (100 + number) * MS, kind=2)
        root["attributes"] = [{"key": "size", "value": {"intValue": str(number * 100)}}]
        if is_failed:
            root["status"] = {"code": 2, "message": SENTENCE}
            root["events"] = [failure(begin + 90 * MS)]
        queries = [span(trace, 10 + index, "SELECT deployments_of_an_organisation WHERE deployment_id = ?", begin + (5 + index * 4) * MS,
                        begin + (8 + index * 4) * MS, parent=1, kind=3) for index in range(20)]
        for query in queries:
            query["attributes"] = [{"key": "db.query.text", "value": {"stringValue": "SELECT * FROM deployments_of_an_organisation WHERE id = 1"}}]
        others = [span(trace, 60 + index, f"another root of this trace with a long name {index}", begin, begin + MS) for index in range(7)]
        engine.send(otlp(SERVICE, [root, *queries, *others]))
    engine.kino("run", "--label", "a label of some length", "--", sys.executable, "-c",
                f"raise ValueError({SENTENCE!r})", check=False)
    assert eventually(lambda: len(engine.json("find", "--all", "--service", SERVICE)["items"]) == 9)
    eventually(lambda: engine.json("insights", "--all")["items"], seconds=10)
    return engine


def too_wide(text, width):
    """Lines beyond the width that could have been broken: not one word, and not a command, which is there to be copied."""
    wide = [line for line in text.splitlines() if len(line) > width]
    is_command = re.compile(r"\s*(\$ |[Nn]ext: |Usage: )?kino ")
    return [line for line in wide if len(line.split()) > 1 and not is_command.match(line)]


@pytest.mark.parametrize("width", WIDTHS)
def test_no_line_of_a_view_is_wider_than_the_terminal(deployed, width):
    environment = {**deployed.environment, "COLUMNS": str(width)}
    views = dict(VIEWS)
    run = deployed.json("runs", "--all")["items"][0]["run_id"]
    now = time.time()
    at = [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - ago)) for ago in (7_200, 1_800, -60)]
    views["compare"] = ["compare", "--before", f"time:{at[0]}..{at[1]}", "--after", f"time:{at[1]}..{at[2]}", "--all"]
    views["a run"] = ["open", f"run:{run}"]
    for finding in deployed.json("insights", "--all")["items"][:1]:
        views["a finding"] = ["insights", "show", finding["fingerprint"]]
    wide = {}
    for name, words in views.items():
        done = subprocess.run([binary(), *words], env=environment, cwd=deployed.directory, capture_output=True, text=True)
        assert done.stdout, (name, done.stderr)
        assert done.returncode == 0 or name == "doctor", (name, done.stderr)
        if lines := too_wide(done.stdout, width):
            wide[name] = lines
        if name in ("operations", "trace", "errors"):
            for word in ("/organisations/{organisation_id}/projects/{project_id}", "deployments_of_an_organisation", SERVICE, "reserve"):
                spread = re.sub(r"\s", "", done.stdout)
                assert word in done.stdout or word not in spread or "…" in done.stdout, (name, word)
    assert not wide, json.dumps(wide, indent=1, ensure_ascii=False)


@pytest.mark.parametrize("width", WIDTHS)
def test_what_a_run_ends_with_fits(deployed, width):
    environment = {**deployed.environment, "COLUMNS": str(width)}
    done = subprocess.run([binary(), "run", "--", sys.executable, "-c", f"raise ValueError({SENTENCE!r})"],
                          env=environment, cwd=deployed.directory, capture_output=True, text=True)
    report = [line.removeprefix("kino │ ") for line in done.stderr.splitlines() if line.startswith("kino │")]
    assert any("exit 1" in line for line in report), done.stderr
    assert not too_wide("\n".join(report), width - len("kino │ ")), done.stderr
