"""Suspects of two windows of a system that nobody runs with `kino run`: shown, only listed, or none; and the same ranking
by `compare` and by `explain --since`."""

import json
import random
import time

import pytest

from conftest import otlp, span, text

SECOND = 1_000_000_000
MILLI = 1_000_000
# Each window has so many requests, a second apart.
REQUESTS = 300
SERVICES = ["front", "stock", "price", "gifts", "mail"]
# What each service may log of a request, and in how many of a hundred it usually does.
KINDS = [f"has done {letter}" for letter in "abcdefgh"]
USUAL = 50


class Window:
    """One window of requests, of which one service takes longer or all log more."""

    def __init__(self, number, start, slow=None, percent=USUAL):
        self.start = start + number * REQUESTS * SECOND
        self.end = self.start + REQUESTS * SECOND
        self.spans = {service: [] for service in SERVICES}
        self.logs = {service: [] for service in SERVICES}
        rng = random.Random(number)
        for request in range(REQUESTS):
            self.request(number * REQUESTS + request + 1, self.start + request * SECOND, rng, slow, percent)

    def request(self, trace, start, rng, slow, percent):
        now, calls = start + 2 * MILLI, []
        for number, service in enumerate(SERVICES[1:], 1):
            own = int(8 * MILLI * rng.lognormvariate(0, 0.2)) * (3 if service == slow else 1)
            gap = int(MILLI * rng.lognormvariate(0, 0.3))
            end = now + own + 2 * gap
            calls.append(("front", span(trace, 2 * number, service, now, end, 1, kind=3)))
            calls.append((service, span(trace, 2 * number + 1, service, now + gap, end - gap, 2 * number, kind=2)))
            now = end
        calls.append(("front", span(trace, 1, "GET /", start, now + 2 * MILLI, kind=2)))
        for service, made in calls:
            self.spans[service].append(made)
        for number, service in enumerate(SERVICES):
            for kind in KINDS:
                if rng.randrange(100) < percent:
                    own = 1 if number == 0 else 2 * number + 1
                    self.logs[service].append({
                        "traceId": f"{trace:032x}", "spanId": f"{own:016x}", "timeUnixNano": str(start + 3 * MILLI),
                        "body": {"stringValue": f"{service} {kind}"}, "severityNumber": 9})

    def send(self, engine):
        for service in SERVICES:
            engine.send(otlp(service, self.spans[service]))
            resource = {"attributes": [text("service.name", service)]}
            document = {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": self.logs[service]}]}]}
            send_logs(engine, document)

    def __str__(self):
        return f"time:{self.start}..{self.end}"


def send_logs(engine, document):
    status, answer = engine.request(engine.otlp_http, "/v1/logs", json.dumps(document).encode(),
                                    {"content-type": "application/json"})
    assert status == 200, (status, answer)


@pytest.fixture(scope="module")
def windows(engine):
    """Of a usual day: twice nothing, then more log lines everywhere, then nothing, then one slow service."""
    start = time.time_ns() - 7_200 * SECOND
    made = [Window(0, start), Window(1, start), Window(2, start, percent=56), Window(3, start), Window(4, start, "price")]
    for window in made:
        window.send(engine)
    return engine, made


def compared(windows, before, after):
    engine, made = windows
    return engine.json("compare", "--before", made[before], "--after", made[after], "--all")["suspects"]


def explained(windows, after):
    """The suspects of a window against the one before it."""
    engine, made = windows
    return engine.json("explain", "--since", made[after].start, "--until", made[after].end, "--all")


def test_an_unchanged_system_lists_no_suspect(windows):
    assert compared(windows, 0, 1) == []
    assert explained(windows, 1)["suspects"] == []


def test_what_no_operation_shows_by_itself_is_listed_as_not_shown(windows):
    suspects = compared(windows, 1, 2)
    assert 1 <= len(suspects) <= 5, suspects
    assert all(suspect["shown"] is False and "logs" in suspect["reason"] for suspect in suspects), suspects
    engine, made = windows
    told = engine.kino("compare", "--before", made[1], "--after", made[2], "--all").stdout.decode()
    assert "not shown, most likely first" in told and suspects[0]["name"] in told, told


def test_a_slow_service_is_shown(windows):
    first = compared(windows, 3, 4)[0]
    assert (first["service"], first["shown"]) == ("price", True)


@pytest.mark.parametrize("after", [2, 4])
def test_compare_and_explain_since_name_the_same_suspects(windows, after):
    ranked = [[(row["service"], row["name"], row["score"], row["shown"]) for row in suspects]
              for suspects in (compared(windows, after - 1, after), explained(windows, after)["suspects"])]
    assert ranked[0] and ranked[0] == ranked[1]
    engine, made = windows
    against = engine.json("explain", "--since", made[after].start, "--until", made[after].end,
                          "--against", f"{made[after - 1].start}..{made[after - 1].end}", "--all")["suspects"]
    assert [(row["service"], row["name"]) for row in against] == [row[:2] for row in ranked[0]]


def test_explain_says_that_what_it_lists_is_not_shown(windows):
    answer = explained(windows, 2)
    assert any("no operation by itself is shown" in note for note in answer["notes"]), answer["notes"]
