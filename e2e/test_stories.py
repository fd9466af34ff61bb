"""Real programs with a fault and its repair (`examples/stories`, `examples/ledger`), and what an assistant is told.

Each is run with its fault under `kino run`; then a client that knows nothing of the program asks over MCP, and the
cause must be named in at most two calls of 1,500 tokens together. Then it is run repaired: the finding is gone and the
comparison says so. No file of a program is read by whoever asks.
"""

import asyncio
import json
import os
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
    # What the finding's sentence must hold.
    says: tuple[str, ...]
    # From and to: what the finding must say to be saved, in nanoseconds; None where nothing is claimed.
    saves: tuple[float, float] | None
    # What the comparison of the fault with the repair says of the operation, and which counts must be fewer.
    verdict: set[str]
    fewer: tuple[str, ...] = ()
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
        ("python/sequential_llm.py", "review_pull_request"), ("4 calls", "one after another"), (40 * MS, 200 * MS), {"faster"},
    ),
    Story(
        "python/sql_in_a_loop.py", "cart.load", 10, "n_plus_one",
        ("python/sql_in_a_loop.py", "load_cart"), ("25 calls", "SELECT price FROM product WHERE id = ?"), (50_000, 20 * MS),
        {"faster"}, ("SELECT",),
    ),
    Story(
        "python/cache_key.py", "quote.make", 60, "cache_key_collision",
        ("python/cache_key.py", "lookup"), ("3 keys of price.lookup", "different inputs"), None,
        {"no_difference_shown", "slower", "faster"},
    ),
    Story(
        "python/timeout_on_large_input.py", "review.diff", 60, "what_differs",
        ("python/timeout_on_large_input.py", "review_diff"), ("12 of 12 failed", "diff_bytes >", "0 of 48 others"), None,
        {"no_difference_shown", "slower", "faster"}, ("errors",),
    ),
    Story(
        "python/chat_history.py", "conversation.answer", 6, "llm_token_waste",
        ("python/model.py", "chat"), ("input tokens", "grows with each call"), None,
        {"faster", "no_difference_shown"}, ("input_tokens",),
    ),
    Story(
        "node/retry_storm.js", "order.place", 15, "retry_storm",
        ("node/retry_storm.js", "placeOrder"), ("POST is tried", "lost to failed attempts"), (1 * MS, 60 * MS),
        {"no_difference_shown", "slower", "faster"}, ("POST",),
    ),
    Story(
        "node/request_per_item.js", "shelf.show", 10, "n_plus_one",
        ("node/request_per_item.js", "showShelf"), ("18 calls", "/stock/{id}"), (20 * MS, 300 * MS), {"faster"}, ("GET",),
    ),
    Story(
        "ledger", "transfer.book", 48, "lock_contention",
        ("examples/ledger/src/book.rs", "book"), ("the lock accounts",), (5 * MS, 40 * MS), {"faster"}, (), ["book"],
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

    def run(self, story, label, *more):
        """Runs it under `kino run` and returns the run's record."""
        record = self.project.parent / f"{self.project.name}-{label}.json"
        environment = {
            **self.engine.environment, "OTEL_SERVICE_NAME": story.name, "OTEL_TRACES_EXPORTER": "otlp",
            "OTEL_LOGS_EXPORTER": "none", "OTEL_NODE_RESOURCE_DETECTORS": "env", "NODE_PATH": str(NODE_MODULES),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        done = subprocess.run(
            [binary(), "run", "--label", label, "--json-out", record, "--", *story.command(self.python), *more],
            env=environment, cwd=self.project, capture_output=True, timeout=120, text=True,
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

    def mcp(self, ask):
        """What `ask` makes of a client that was started in the project."""
        server = StdioServerParameters(
            command=str(binary()), args=["mcp"], env=self.engine.environment, cwd=str(self.project)
        )

        async def session():
            async with asyncio.timeout(120):
                async with Client(server) as client:
                    return await ask(client)

        return asyncio.run(session())

    def ask(self, *calls):
        """Answers of tools, each checked to be one."""

        async def asked(client):
            return [await client.call_tool(name, arguments) for name, arguments in calls]

        answers = self.mcp(asked)
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
    """Each story run once with its fault and once repaired."""
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
    assert finding is not None and all(part in finding["text"] for part in story.says), finding
    assert all(part in finding["code_at"] for part in story.place), finding
    assert finding["executions"] == story.executions, finding
    if story.saves:
        low, high = story.saves
        assert low <= finding["saving_nanos"] <= high, finding
    unasked = named(pushed, story.code)
    assert unasked, words(pushed)
    assert not any(part in words(pushed) for part in ("SELECT", story.operation)), "nothing recorded is pushed"
    # Whoever was told nothing goes on from the evidence of the finding.
    [opened] = desk.ask(("explain", {"target": unasked["evidence"].split("/")[0]}))
    costs[story.name] = (story.code, before, tokens(told), tokens(pushed), tokens(opened))
    assert tokens(told) <= TOKENS_MAX, words(told)
    assert tokens(pushed) + tokens(opened) <= TOKENS_MAX, words(pushed) + words(opened)
