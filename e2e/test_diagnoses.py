"""Some programs of `diagnoses/`, recorded and asked about: is the cause named in two calls?

The cheapest three, which need no packages but those of these tests; `cargo xtask diagnoses report` has all ten.
"""

import sys

import pytest

from conftest import E2E, ROOT, binary

sys.path.insert(0, str(ROOT / "diagnoses"))

from harness import ask, program, record  # noqa: E402

NAMES = ["freight-quotes", "nightly-ledger", "seat-tickets"]


@pytest.fixture(scope="module")
def asked(python, tmp_path_factory):
    """Each program's recording, and what was answered about it."""
    answers = {}
    for name in NAMES:
        folder = tmp_path_factory.mktemp(name)
        one = program.read(name)
        record.record(one, binary(), folder, python, E2E / "node" / "node_modules")
        answers[name] = ask.ask(one, binary(), folder)
    return answers


@pytest.mark.parametrize("name", NAMES)
def test_the_cause_is_first(asked, name):
    assert asked[name].rank == 1, asked[name].calls[0]


@pytest.mark.parametrize("name", NAMES)
def test_the_cause_is_named_within_two_calls(asked, name):
    answer = asked[name]
    assert answer.is_within_aim, (answer.named_after, answer.tokens, answer.calls)


@pytest.mark.parametrize("name", NAMES)
def test_an_assistant_reads_the_cause_first(asked, name):
    assert asked[name].mcp_first, asked[name]


@pytest.mark.parametrize("name", NAMES)
def test_no_answer_costs_more_than_its_budget(asked, name):
    # A call on the command line is 1,500 tokens at most; over MCP the same text comes twice, as text and structured.
    assert max(asked[name].tokens) <= ask.TOKENS_MAX // 2 and asked[name].mcp_tokens <= ask.TOKENS_MAX, asked[name]


def test_an_answer_about_something_else_names_no_cause():
    """The judge itself can say no."""
    one = program.read("seat-tickets")
    innocent = {"rank": 1, "code": "n_plus_one", "text": "POST /orders asks GET /seats/{id} five times", "evidence": []}
    guilty = {"rank": 2, "code": "retry_storm", "text": "POST /holds is tried 4 times in a row", "evidence": []}
    assert ask.judge(one, [innocent, guilty], "") == (2, None)
    assert ask.judge(one, [guilty, innocent], "") == (1, 1)
    assert ask.judge(one, [], "") == (None, None)
