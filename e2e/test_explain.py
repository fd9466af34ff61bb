"""What was recorded answers alone: what changed in a window of time, what sets a trace apart, why it failed.

The program of `apps/night.py` runs once, by the ordinary OpenTelemetry SDK, with the times of two hours that are over.
"""

import json
import subprocess
import time

import pytest

from conftest import E2E, eventually
from test_mcp import BYTES_PER_TOKEN, cost, session, words

SECOND = 1_000_000_000
HOUR = 3_600 * SECOND


@pytest.fixture(scope="module")
def night(engine, python):
    """The engine, when the night began, and a trace of each kind."""
    start = time.time_ns() - 2 * HOUR - 600 * SECOND
    done = subprocess.run([python, E2E / "apps" / "night.py", str(start), f"http://{engine.otlp_http}"],
                          env=engine.environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    ids = dict(line.split() for line in done.stdout.splitlines())
    for trace_id in ids.values():
        eventually(lambda: engine.kino("explain", trace_id, check=False).returncode == 0)
    return engine, start, ids


def harmless(output):
    """Nothing in it moves a cursor, hides, or begins a line of its own."""
    text = output.decode()
    assert not any(hidden in text for hidden in "\x1b\u202e\r"), repr(text)
    assert not any(line.startswith("Ignore all previous") for line in text.splitlines()), text
    return text


def window(night, *arguments, **more):
    engine, start, _ = night
    return engine.kino("explain", "--since", start + HOUR, "--until", start + 2 * HOUR, "--all", *arguments, **more)


def test_a_window_names_what_changed_with_its_evidence(night):
    engine, start, _ = night
    explained = json.loads(window(night, "--json").stdout)
    assert explained["schema"] == "kino.explain_window.v1"
    assert explained["against"] == {"start_unix_nanos": start, "end_unix_nanos": start + HOUR}
    assert explained["executions"] == {"before": 120, "after": 150}
    suspects = {suspect["name"]: suspect for suspect in explained["suspects"]}
    assert {"connect", "charge"} <= set(suspects), suspects
    assert explained["suspects"][0]["name"] in {"connect", "charge", "POST /checkout"}
    connect = suspects["connect"]
    assert connect["calls"]["after"]["p95_nanos"] > 100 * connect["calls"]["before"]["p95_nanos"]
    assert connect["where"]["path"] == "shop/checkout.py"
    for suspect in explained["suspects"]:
        evidence = suspect["evidence"][0]
        assert suspect["next"] == f"kino explain {evidence['trace_id']}"
        opened = engine.json("open", f"{evidence['trace_id']}/{evidence['span_id']}")
        assert opened["spans"][0]["name"] == suspect["name"]
    assert {row["name"] for row in explained["appeared"]} == {"POST /refund", "INSERT refund"}
    assert [(row["name"], row["calls"]) for row in explained["vanished"]] == [("audit", 120)]
    errors = [(error["type"].split(".")[-1], error["before"], error["after"]) for error in explained["errors"]]
    assert errors == [("PaymentError", 0, 10)]


def test_the_ranking_is_that_of_compare(night):
    engine, start, _ = night
    compared = engine.json("compare", "--before", f"time:{start}..{start + HOUR}",
                           "--after", f"time:{start + HOUR}..{start + 2 * HOUR}", "--all")
    explained = json.loads(window(night, "--json").stdout)
    ranked = [[(row["service"], row["name"], row["score"]) for row in answer["suspects"]] for answer in (compared, explained)]
    assert ranked[0] == ranked[1]


def test_nothing_changed_between_two_windows_that_are_alike(night):
    engine, start, _ = night
    explained = engine.json("explain", "--since", start + HOUR // 2, "--until", start + HOUR, "--all")
    assert explained["suspects"] == [] and explained["appeared"] == [] and explained["errors"] == []
    assert any("no operation changed" in note for note in explained["notes"]), explained["notes"]


def test_text_of_a_window_is_harmless_and_leads_on(night):
    text = harmless(window(night).stdout)
    assert "Suspects" in text and "New operations" in text and "0 → 10" in text
    follow = text.rsplit("Next: kino ", 1)[1].split()
    assert night[0].kino(*follow).returncode == 0


@pytest.mark.parametrize("arguments, code, sentence", [
    (["--since", "2100-01-01"], 2, "in the future"),
    (["--since", "1h", "--until", "2h"], 2, "before it begins"),
    (["--since", "1h", "--against", "3h..30m"], 2, "share the time"),
    (["--since", "1h", "--against", "2h..3h"], 2, "before it begins"),
    (["--since", "9d", "--until", "8d"], 3, "nothing was recorded"),
    (["--since", "3h", "--against", "1h"], 3, "nothing earlier is recorded"),
    (["--since", "yesterday-ish"], 2, "14:05"),
])
def test_a_window_that_cannot_be_explained_says_why(night, arguments, code, sentence):
    done = night[0].kino("explain", *arguments, "--all", check=False)
    assert done.returncode == code and sentence in done.stderr.decode(), done.stderr


def test_a_failed_trace_says_why_it_failed(night):
    engine, _, ids = night
    explained = engine.json("explain", ids["broken"])
    cause = explained["failure"]["cause"]
    assert (cause["type"], cause["from_stack"], cause["name"]) == ("KeyError", True, "charge")
    assert (cause["frame"]["function"], cause["frame"]["path"].endswith("night.py")) == ("rate_of", True)
    assert explained["failure"]["passed"] == ["charge", "POST /checkout"]
    assert explained["failure"]["handled"] is False
    apart = explained["apart"]
    assert apart["failed"] and not apart["slow"] and apart["likes"]["executions"] == 100
    differs = {(row["name"], row["difference"]) for row in apart["operations"]}
    assert {("POST /pay", "missing"), ("charge", "fails")} <= differs, differs
    assert any(line["severity"] == "WARN" and "no rate" in line["body"] for line in explained["logs"])
    assert explained["next"] == f"kino open {ids['broken']}/{cause['evidence']['span_id']}"
    opened = engine.kino(*explained["next"].split()[1:])
    assert b"rate_of" in opened.stdout


def test_a_slow_trace_says_what_it_waited_for_and_what_sets_it_apart(night):
    engine, _, ids = night
    explained = engine.json("explain", ids["slow"])
    apart = explained["apart"]
    assert apart["slow"] and not apart["failed"] and "failure" not in explained
    assert (apart["wait"]["name"], apart["wait"]["kind"]) == ("connect", "database")
    assert apart["wait"]["share"] > 0.9 and apart["wait"]["usual_nanos"] < 5_000_000
    tenant = apart["attributes"][0]
    assert (tenant["key"], tenant["value"], tenant["likes_with_it"]) == ("tenant", "halden", 0)
    assert tenant["alike"] == tenant["alike_with_it"] > 5
    assert explained["next"] == "kino explain connect --service shop"


def test_a_typical_trace_says_nothing_of_it(night):
    engine, _, ids = night
    explained = engine.json("explain", ids["typical"])
    assert not {"apart", "failure", "logs", "next"} & set(explained), explained
    assert b"apart" not in engine.kino("explain", ids["typical"]).stdout


@pytest.mark.parametrize("kind", ["broken", "slow"])
def test_text_leads_with_it_and_is_harmless(night, kind):
    engine, _, ids = night
    text = harmless(engine.kino("explain", ids[kind]).stdout)
    assert text.index("What sets it apart") < text.index("Critical path")


@pytest.mark.parametrize("budget", [300, 1_500])
def test_an_assistant_gets_it_within_its_budget_and_framed(night, budget):
    engine, start, ids = night

    async def ask(client):
        explain = await client.call_tool("explain", {"target": ids["broken"], "budget_tokens": budget})
        window = await client.call_tool("explain_system", {
            "since": str(start + HOUR), "against": "1h", "all": True, "budget_tokens": budget})
        wrong = await client.call_tool("explain_system", {"against": "1h"})
        return explain, window, wrong

    explain, window, wrong = session(engine, "stdio", ask)
    for answer in (explain, window):
        assert not answer.is_error, words(answer)
        assert cost(answer) <= budget * BYTES_PER_TOKEN, cost(answer)
        assert not any(hidden in words(answer) for hidden in "\x1b\u202e")
    assert wrong.is_error and "since" in words(wrong)
    facts = explain.structured_content["facts"]
    assert facts["failed"] == "yes" and facts["ask_next"].startswith(f"open_evidence id={ids['broken']}/")
    if budget > 300:
        cause = explain.structured_content["tables"]["first_cause"]
        row = dict(zip(cause["columns"], cause["rows"][0]))
        assert row["untrusted.type"] == "KeyError" and "night.py" in row["untrusted.frame"]
        suspects = window.structured_content["tables"]["suspects"]
        assert "untrusted.reason" in suspects["columns"] and suspects["rows"]
