"""Real programs with something wrong, and what one call says of it: the cause first, and a next call that shows it."""

import json

import pytest

from conftest import E2E, eventually


@pytest.fixture(scope="module")
def shop(engine, python, tmp_path_factory):
    """The Flask application, auto-instrumented, run once: one page asks the database for each order, another fails."""
    database = tmp_path_factory.mktemp("shop") / "shop.sqlite"
    instrument = python.parent / "opentelemetry-instrument"
    engine.kino("run", "--", instrument, python, E2E / "apps" / "shop.py", database)
    eventually(lambda: engine.json("find", "--name", "GET /broken", "--all")["items"])
    return engine


def entries(engine, *words):
    answer = engine.json("diagnose", *words, "--all")
    assert answer["schema"] == "kino.diagnose.v1"
    assert [entry["rank"] for entry in answer["entries"]] == list(range(1, len(answer["entries"]) + 1))
    return answer["entries"]


def follow(engine, entry):
    """What the command answers that an entry names."""
    command, *arguments = entry["next"]["command"]
    assert command == "kino"
    return engine.kino(*arguments).stdout.decode()


def test_the_exception_is_a_cause_with_its_place_and_the_next_call_shows_it(shop):
    broken = next(entry for entry in entries(shop) if entry["code"] == "error")
    assert "KeyError" in broken["text"] and "/broken" in broken["text"]
    assert broken["location"]["path"].endswith("shop.py") and broken["location"]["function"] == "price_of"
    assert broken["evidence"] and 0 < broken["share"] <= 1
    assert "broken" in follow(shop, broken)


def test_a_word_raises_what_it_names(shop):
    first = entries(shop, "the broken page, please")[0]
    assert first["code"] == "error" and first["words_factor"] > 1 and "broken" in first["words"]
    answer = shop.json("diagnose", "zeppelin", "--all")
    assert answer["words"] == [{"word": "zeppelin", "entries": 0, "recorded": False}]


def test_the_text_is_short_and_names_the_next_command(shop):
    told = shop.kino("diagnose", "--all").stdout.decode()
    assert len(told.encode()) <= 6_000
    assert "next: kino explain" in told and "Looked at" in told


def test_nothing_recorded_is_an_answer(own_engine):
    told = own_engine.kino("diagnose", "--all").stdout.decode()
    assert "Nothing has been recorded" in told
    assert json.loads(own_engine.kino("diagnose", "--all", "--json").stdout)["entries"] == []
