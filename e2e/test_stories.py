"""Real programs with a fault and its repair (`examples/stories`, `examples/ledger`), and what an assistant is told.

Each is run with its fault under `kino run`; then a client that knows nothing of the program asks over MCP, and the
cause must be named in at most two calls of 2,000 tokens together. Then it is run repaired: the finding is gone and the
comparison says so. No file of a program is read by whoever asks.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters

from conftest import E2E, ROOT, binary, eventually

NODE_MODULES = E2E / "node" / "node_modules"
REGISTER = NODE_MODULES / "@opentelemetry" / "auto-instrumentations-node" / "build" / "src" / "register.js"
# As everywhere in Kinescope; text and structured content are both counted, since a client may show its model either.
BYTES_PER_TOKEN = 4
TOKENS_MAX = 1_500
# Of what is pushed and the trace that it leads to, which says why it failed.
UNASKED_TOKENS_MAX = 2_000
CALLS_MAX = 2
PAGE = ROOT / "docs" / "findings" / "tokens.md"
MS = 1_000_000


@dataclass
class Story:
    """A program, what is wrong with it, and how that must be told."""

    program: str
    operation: str
    executions: int
    code: str
    # Where the cause must be placed, as `FILE` and `FUNCTION`.
    place: tuple[str, str]
    # What the finding's sentence must hold, as regular expressions.
    says: tuple[str, ...]
    # From and to: what the finding must say to be saved, in nanoseconds; None where nothing is claimed.
    saves: tuple[float, float] | None
    # What the comparison of the fault with the repair may say of the operation, and what must be counted fewer.
    verdict: set[str]
    fewer: tuple[str, ...] = ()
    # The finding that the repair ends, where it is another: large inputs stay slower than others when none times out.
    ends: str | None = None
    # Whether the finding opens without a question. Where the calls' answers are not recorded, nothing shows that one call
    # does not need another's: that is said only to who asks.
    is_unasked: bool = True
    arguments: list[str] = field(default_factory=list)

    @property
    def name(self):
        return Path(self.program).stem

    def command(self, python):
        if self.program.endswith(".py"):
            return [python.parent / "opentelemetry-instrument", python, self.program]
        if self.program.endswith(".js"):
            return ["node", "--require", REGISTER, self.program]
        return [binary().parent / self.program, *self.arguments]


STORIES = [
    Story(
        "python/sequential_llm.py", "review.pull_request", 12, "sequential_could_be_parallel",
        ("python/sequential_llm.py", "review_pull_request"), (r"[34] calls", "one after another"), (40 * MS, 200 * MS), {"faster"},
        is_unasked=False,
    ),
    Story(
        "python/sql_in_a_loop.py", "cart.load", 10, "n_plus_one",
        ("python/sql_in_a_loop.py", "load_cart"), ("25 calls", r"SELECT price FROM product WHERE id = \?"), (50_000, 20 * MS),
        {"faster"}, ("SELECT",),
    ),
    Story(
        "python/cache_key.py", "quote.make", 60, "cache_key_collision",
        ("python/cache_key.py", "lookup"), ("3 keys of price.lookup", "different inputs"), None,
        {"no difference shown", "slower", "faster"},
    ),
    Story(
        "python/timeout_on_large_input.py", "review.diff", 45, "what_differs",
        ("python/timeout_on_large_input.py", "review_diff"), (r"\d+ of \d+ failed executions", r"diff_bytes > [4-7]\d{5}; so have [0-2] of"), None,
        {"no difference shown", "slower", "faster"}, ends="timeout_cluster",
    ),
    Story(
        "python/chat_history.py", "conversation.answer", 6, "llm_token_waste",
        ("python/model.py", "chat"), ("input tokens", "grows with each call"), None,
        {"faster", "no difference shown"}, ("input_tokens",),
    ),
    Story(
        "node/retry_storm.js", "order.place", 15, "retry_storm",
        ("node/retry_storm.js", "placeOrder"), (r"POST is tried [4-8](\.\d)? times in a row", "lost to failed attempts"), (30 * MS, 400 * MS), {"faster", "no difference shown"},
    ),
    Story(
        "node/request_per_item.js", "shelf.show", 10, "n_plus_one",
        ("node/request_per_item.js", "showShelf"), ("18 calls", r"/stock/\{id\}"), (20 * MS, 300 * MS), {"faster"}, ("GET",),
    ),
    Story(
        "ledger", "transfer.book", 48, "lock_contention",
        ("examples/ledger/src/book.rs", "book"), ("the lock accounts",), (5 * MS, 40 * MS), {"faster"}, arguments=["book"],
    ),
]


class Desk:
    """A project of its own, so that every question is about one story alone."""

    def __init__(self, engine, python, name):
        self.engine, self.python = engine, python
        self.project = engine.home.parent / f"project-{name}"
        shutil.copytree(ROOT / "examples" / "stories", self.project, ignore=shutil.ignore_patterns("__pycache__"))
        author = ["-c", "user.name=e2e", "-c", "user.email=e2e@example.invalid"]
        for arguments in (["init", "-q"], ["add", "-A"], [*author, "commit", "-q", "-m", "As it is"]):
            subprocess.run(["git", *arguments], cwd=self.project, check=True, capture_output=True, timeout=60)

    def environment(self, story):
        return {
            **self.engine.environment, "OTEL_SERVICE_NAME": story.name, "OTEL_TRACES_EXPORTER": "otlp",
            "OTEL_LOGS_EXPORTER": "none", "OTEL_NODE_RESOURCE_DETECTORS": "env", "NODE_PATH": str(NODE_MODULES),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def run(self, story, label, *more):
        """Runs it under `kino run` and returns the run's record."""
        record = self.project.parent / f"{self.project.name}-{label}.json"
        done = subprocess.run(
            [binary(), "run", "--label", label, "--json-out", record, "--", *story.command(self.python), *more],
            env=self.environment(story), cwd=self.project, capture_output=True, timeout=120, text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(record.read_text())

    def kino(self, *arguments):
        done = subprocess.run(
            [binary(), *map(str, arguments), "--json"],
            env=self.engine.environment, cwd=self.project, capture_output=True, timeout=120,
        )
        assert done.returncode == 0, (arguments, done.stderr)
        return json.loads(done.stdout)

    def mcp(self, ask, environment=None):
        """What `ask` makes of a client that was started in the project."""
        environment = environment or self.engine.environment
        server = StdioServerParameters(command=str(binary()), args=["mcp"], env=environment, cwd=str(self.project))

        async def session():
            async with asyncio.timeout(120):
                async with Client(server) as client:
                    return await ask(client)

        return asyncio.run(session())

    def ask(self, *calls, environment=None):
        """Answers of tools, each checked to be one."""

        async def asked(client):
            return [await client.call_tool(name, arguments) for name, arguments in calls]

        answers = self.mcp(asked, environment)
        for call, answer in zip(calls, answers):
            assert not answer.is_error, (call, words(answer))
        return answers


def words(answer):
    return "".join(block.text for block in answer.content)


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def tokens(answer):
    structured = answer.structured_content
    size = len(words(answer).encode()) + (len(compact(structured)) if structured else 0)
    return -(-size // BYTES_PER_TOKEN)


def rows(answer, table):
    """The rows of one of an answer's tables as dictionaries, without the marks of recorded text."""
    found = answer.structured_content["tables"].get(table, {"columns": [], "rows": []})
    columns = [column.removeprefix("untrusted.") for column in found["columns"]]
    return [dict(zip(columns, row)) for row in found["rows"]]


def named(answer, code):
    return next((row for row in rows(answer, "findings") if row["code"] == code), None)


def ended(desk, story, executions):
    """Waits until the last batch of the program's exporter can be queried."""
    count = lambda: len(desk.kino("find", "--name", story.operation, "--limit", 500)["items"])
    assert eventually(lambda: count() >= executions), (story.name, count())


@pytest.fixture(scope="module")
def desks(engine, python):
    """Each story, run once with its fault."""
    # What may be executed over MCP, only the user's own configuration says.
    allowed = [[str(word) for word in story.command(python)] for story in STORIES]
    (engine.home / "config.toml").write_text(f"[verify]\nallow = {json.dumps(allowed)}\nwait_seconds = 100\n")
    made = {}
    for story in STORIES:
        desk = Desk(engine, python, story.name)
        desk.fault = desk.run(story, "fault")
        ended(desk, story, story.executions)
        made[story.name] = desk
    return made


@pytest.fixture(scope="module")
def costs():
    """What each story cost; written as a page when `KINO_WRITE_TOKENS` says so."""
    measured = {}
    yield measured
    if os.environ.get("KINO_WRITE_TOKENS"):
        PAGE.write_text(page(measured))


STORY = pytest.mark.parametrize("story", STORIES, ids=[story.name for story in STORIES])


@STORY
def test_the_cause_is_named_within_two_calls_and_the_budget(desks, costs, story):
    desk = desks[story.name]

    async def ask(client):
        listed = [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in (await client.list_tools()).tools]
        before = -(-(len(compact(listed)) + len(client.instructions.encode())) // BYTES_PER_TOKEN)
        # Told which operation is slow or wrong; and told nothing at all.
        told = await client.call_tool("explain", {"target": story.operation})
        pushed = await client.call_tool("check_insights", {})
        return before, told, pushed

    before, told, pushed = desk.mcp(ask)
    assert not told.is_error and not pushed.is_error, words(told) + words(pushed)
    finding = named(told, story.code)
    assert finding, words(told)
    assert all(re.search(part, finding["text"]) for part in story.says), finding
    assert all(part in finding["code_at"] for part in story.place), finding
    assert finding["executions"] == story.executions, finding
    if story.saves:
        low, high = story.saves
        assert low <= finding["saving_nanos"] <= high, finding
    unasked = named(pushed, story.code)
    assert "SELECT" not in words(pushed), "nothing recorded is pushed"
    assert tokens(told) <= TOKENS_MAX, words(told)
    if not story.is_unasked:
        assert unasked is None, words(pushed)
        costs[story.name] = (story.code, before, tokens(told), None, None)
        return
    assert unasked, words(pushed)
    # Whoever was told nothing goes on from the evidence of the finding.
    [opened] = desk.ask(("explain", {"target": unasked["evidence"].split("/")[0]}))
    costs[story.name] = (story.code, before, tokens(told), tokens(pushed), tokens(opened))
    assert tokens(pushed) + tokens(opened) <= UNASKED_TOKENS_MAX, words(pushed) + words(opened)


def test_timeouts_come_with_the_threshold_and_a_prediction(desks):
    desk = desks["timeout_on_large_input"]
    findings, predicted, refused = desk.ask(
        ("explain", {"target": "review.diff"}),
        ("explain", {"target": "review.diff", "attribute": "diff_bytes", "at": 800_000}),
        ("explain", {"target": "review.diff", "attribute": "diff_bytes", "at": 50_000_000}),
    )
    # 10 ms and a third of a microsecond for each byte, and nobody waits longer than 200 ms: some 560,000 bytes.
    facts = predicted.structured_content["facts"]
    assert facts["model"] != "constant" and facts["explained"] > 0.5, facts
    assert 350_000 <= facts["limit_crossed_at"] <= 650_000 and facts["first_at"] < facts["limit_crossed_at"] < facts["all_at"], facts
    assert 200 * MS <= facts["predicted_nanos"] <= 600 * MS, facts
    assert tokens(findings) + tokens(predicted) <= 2 * TOKENS_MAX
    assert "no prediction" in words(refused) and "record executions up to at least 25000000" in words(refused)
    assert named(findings, "timeout_cluster") and named(findings, "latency_grows_with_input"), words(findings)

    answer = desk.kino("predict", "review.diff", "--attr", "diff_bytes", "--at", "800000", "--limit-duration", "120ms")
    assert (answer["schema"], answer["crosses"]["limit_nanos"], answer["refused"]) == ("kino.predict.v1", 120 * MS, None)
    assert answer["interval"][0] < answer["predicted_nanos"] < answer["interval"][1]
    assert 150_000 <= answer["crosses"]["at"] <= 450_000
    listed = desk.kino("predict", "review.diff")
    assert listed["inputs"][0]["attribute"] == "diff_bytes" and listed["inputs"][0]["explained"] > 0.5, listed["inputs"]


@STORY
def test_repaired_the_finding_is_gone_and_the_comparison_says_so(desks, story):
    desk = desks[story.name]
    desk.run(story, "repaired", "--fixed")
    ended(desk, story, 2 * story.executions)
    explained, compared = desk.ask(
        ("explain", {"target": story.operation, "last": story.executions}),
        ("compare_runs", {"before": "label:fault", "after": "label:repaired", "budget_tokens": 4_000}),
    )
    assert explained.structured_content["facts"]["executions"] == story.executions
    assert named(explained, story.ends or story.code) is None, words(explained)
    operation = next(row for row in rows(compared, "operations") if row["name"] == story.operation)
    # One run a side says how often, and seldom how long; where other programs were busy on one side alone, least of all.
    assert operation["verdict"] in story.verdict | {"too few runs", "too few occasions"}, words(compared)
    # A slow machine may let one time out that should not.
    assert 5 * operation["errors_after"] <= operation["errors_before"], operation
    ended_code = story.ends or story.code
    states = lambda: {item["state"] for item in desk.kino("insights", "--state", "all")["items"] if item["code"] == ended_code}
    if story.is_unasked:
        assert eventually(lambda: states() == {"fixed"}), (ended_code, states())
        # Who asks again is told of the change, once.
        [news, again] = desk.ask(("check_insights", {}), ("check_insights", {}))
        assert {row["state"] for row in rows(news, "findings") if row["code"] == ended_code} == {"fixed"}, words(news)
        assert named(again, ended_code) is None, words(again)
    counts = {row["what"]: row["verdict"] for row in rows(compared, "counts")}
    for what in story.fewer:
        assert any(what in count and verdict == "fewer" for count, verdict in counts.items()), (what, counts)


@STORY
def test_the_repair_is_verified_over_mcp(desks, python, story):
    desk = desks[story.name]
    command = [str(word) for word in story.command(python)] + ["--fixed"]
    [verified] = desk.ask(
        ("verify_change", {"command": command, "against": "label:fault", "repeat": 1}), environment=desk.environment(story)
    )
    told = verified.structured_content["facts"]
    failed = {row["code"] for row in rows(verified, "reasons") if row["speaks_for"] == "fail"}
    assert not failed, words(verified)
    # One run a side leaves the time open unless it changed many times over.
    left_open = {row["code"] for row in rows(verified, "reasons") if row["speaks_for"] == "undecided"}
    assert left_open <= {"too_few_runs", "too_few_occasions"}, words(verified)
    assert told["verdict"] == ("undecided" if left_open else "pass"), words(verified)
    assert told["executions_after"] >= story.executions, told
    assert (story.ends or story.code) in {row["code"] for row in rows(verified, "findings_fixed")}, words(verified)


def test_fifteen_percent_among_noise_is_a_regression_and_nothing_is_none(engine, python):
    desk = Desk(engine, python, "regression")
    statements, rounds = 20, 6
    story = Story("ledger", "statement.print", statements, "regression", ("", ""), (), None, set(), arguments=["print"])
    # In turn, so that a machine that slows down slows all alike.
    for turn in range(rounds):
        for label, percent in [("before", 0), ("same", 0), ("slower", 15)]:
            seed = 10 * turn + ["before", "same", "slower"].index(label)
            desk.run(story, label, "--slower", str(percent), "--statements", str(statements), "--seed", str(seed))
    ended(desk, story, 3 * rounds * statements)

    def verdict(after):
        [compared] = desk.ask(("compare_runs", {"before": "label:before", "after": f"label:{after}"}))
        return compared.structured_content["facts"], rows(compared, "operations")[0]

    facts, operation = verdict("slower")
    assert facts["verdict"] == operation["verdict"], operation
    assert operation["low"] - 0.02 <= 1.15 <= operation["high"] + 0.02, operation
    # A machine so busy that the interval is wider than the difference may not show it, and says so.
    is_busy = operation["high"] / operation["effect"] > 1.1
    assert operation["verdict"] == "slower" or is_busy, operation
    facts, operation = verdict("same")
    assert (facts["verdict"], operation["verdict"]) == ("no difference shown", "no difference shown"), operation
    assert operation["low"] <= 1 <= operation["high"], operation


def page(measured):
    """The page that says what naming each cause cost."""
    head = """# What the cause costs an assistant

What an MCP client receives until the cause is named, for each program in [`examples/stories`](../../examples/stories) and [`examples/ledger`](../../examples/ledger). Written by

```
KINO_WRITE_TOKENS=1 target/e2e/venv/bin/python -m pytest e2e/test_stories.py
```

which runs each with its fault and asks through the official Python SDK on standard input and output. A token is four bytes of UTF-8, rounded up, an estimate that holds for English and JSON; ids cost about twice that. Each answer counts twice, as text and as structured content, though most clients show their model one of them. No file of a program is read.

- **Asked**: about an operation that is known to be slow or wrong. One call, `explain`.
- **Unasked**: nothing is known. `check_insights`, which names the code, the file and the numbers, then `explain` on its evidence. Two calls.

The test wants the first within 1,500 tokens and the second within 2,000. A dash: nothing is said of it unasked. The tool list and instructions come before, once a session.

| program | cause | asked: `explain` | unasked: `check_insights` | … then `explain` | together |
|---|---|---:|---:|---:|---:|
"""
    def row(name, code, told, pushed, opened):
        # What is said only to who asks has no cost unasked.
        unasked = "– | – | –" if pushed is None else f"{pushed:,} | {opened:,} | {pushed + opened:,}"
        return f"| `{name}` | `{code}` | {told:,} | {unasked} |"

    lines = [row(name, code, told, pushed, opened) for name, (code, _, told, pushed, opened) in measured.items()]
    listed = max((before for _, before, *_ in measured.values()), default=0)
    return head + "\n".join(lines) + f"\n\nTool list and instructions: {listed:,} tokens.\n"
