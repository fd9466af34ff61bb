"""docs/choosing.md: each call of its table, made as it stands there by the official SDK's client, against programs that ran.

What is checked is that the answer names what the sentence asks for: an operation, a file and a line, an error, a number.
"""

import asyncio
import json
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Callable

import pytest
from mcp import Client, StdioServerParameters
from mcp.types import Implementation

from conftest import E2E, ROOT, binary, eventually

PAGE = ROOT / "docs" / "choosing.md"
PROGRAM = E2E / "apps" / "choosing"
CHECKOUTS, COMMITS, EXPORTS, LINES = 20, 8, 22, 25
RUNS_A_SIDE = 5
# How many executions of an operation are looked at when nothing is said.
LAST = 20


@dataclass
class Row:
    """A row of the table."""

    said: str
    tool: str
    arguments: dict


def table():
    """The rows of the page; a line of the table that is none fails."""
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("|")]
    found = []
    for line in lines[2:]:
        matched = re.fullmatch(r"\| (.+) \| `(\w+)` \| `(\{.*\})` \|", line)
        assert matched, line
        found.append(Row(matched[1], matched[2], json.loads(matched[3])))
    return found


TABLE = table()


def line_of(text):
    """The line of the program that has a text, from 1."""
    lines = (PROGRAM / "store.py").read_text().splitlines()
    [number] = [index for index, line in enumerate(lines, 1) if text in line]
    return number


STATEMENT = line_of("SELECT price FROM product")
CHECKOUT = line_of("def checkout(")
COMMIT = line_of("def commit(")
RAISED = line_of("raise ValueError")


class Project:
    """A repository with the program, in which `kino mcp` is started."""

    def __init__(self, engine, python, name):
        self.engine, self.instrument, self.python = engine, python.parent / "opentelemetry-instrument", python
        self.folder = engine.home.parent / name
        shutil.copytree(PROGRAM, self.folder, ignore=shutil.ignore_patterns("__pycache__"))
        bench = self.folder / "bench"
        bench.write_text(f"#!/bin/sh\nexec {self.instrument} {python} store.py checkouts\n")
        bench.chmod(0o755)
        (self.folder / ".gitignore").write_text("__pycache__/\n.pytest_cache/\nseen\n")
        author = ["-c", "user.name=e2e", "-c", "user.email=e2e@example.invalid"]
        for words in (["init", "-q"], ["add", "-A"], [*author, "commit", "-q", "-m", "As it is"]):
            subprocess.run(["git", *words], cwd=self.folder, check=True, capture_output=True, timeout=60)
        self.environment = {
            **engine.environment, "OTEL_SERVICE_NAME": "store", "OTEL_TRACES_EXPORTER": "otlp", "OTEL_LOGS_EXPORTER": "none",
            "OTEL_METRICS_EXPORTER": "none", "PYTHONDONTWRITEBYTECODE": "1",
        }

    def run(self, *command, label=None, code=0):
        words = [binary(), "run", *(["--label", label] if label else []), "--", *map(str, command)]
        done = subprocess.run(words, env=self.environment, cwd=self.folder, capture_output=True, timeout=120, text=True)
        assert done.returncode == code, done.stdout + done.stderr

    def store(self, what, code=0):
        self.run(self.instrument, self.python, "store.py", what, code=code)

    def json(self, *arguments):
        done = subprocess.run(
            [binary(), *map(str, arguments), "--json"], env=self.environment, cwd=self.folder, capture_output=True, timeout=120,
        )
        assert done.returncode == 0, (arguments, done.stderr)
        return json.loads(done.stdout)

    def call(self, tool, arguments):
        """One call by a client of a name of its own: to each, what is known is new."""
        server = StdioServerParameters(command=str(binary()), args=["mcp"], env=self.environment, cwd=str(self.folder))
        client = Implementation(name=f"choosing-{time.time_ns()}", version="1")

        async def session():
            async with asyncio.timeout(240):
                async with Client(server, client_info=client) as opened:
                    if tool not in {listed.name for listed in (await opened.list_tools()).tools}:
                        return None
                    return await opened.call_tool(tool, arguments)

        return asyncio.run(session())

    def has(self, name, count):
        found = lambda: len(self.json("find", "--name", name, "--limit", 500)["items"])
        assert eventually(lambda: found() >= count), (name, found())


@pytest.fixture(scope="module")
def store(engine, python):
    """What ran in the last hours: a day, a night that failed, the tests twice."""
    project = Project(engine, python, "store")
    project.store("day")
    project.store("night", code=1)
    for _ in range(2):
        project.run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", code=1)
    project.has("export", EXPORTS)
    project.has("import.products", 1)
    assert eventually(lambda: project.json("insights")["items"]), "the finding opens without a question"
    return project


@pytest.fixture(scope="module")
def change(engine, python):
    """Checkouts before and after a change that is not committed."""
    project = Project(engine, python, "change")
    # What may be executed over MCP, only the user's own configuration says.
    (engine.home / "config.toml").write_text('[verify]\nallow = [["./bench"]]\nwait_seconds = 200\n')
    for _ in range(RUNS_A_SIDE):
        project.run("./bench", label="before")
    project.has("checkout", RUNS_A_SIDE * CHECKOUTS)
    time.sleep(1)
    project.start = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    program = project.folder / "store.py"
    program.write_text(program.read_text().replace("JOINED = False", "JOINED = True"))
    for _ in range(RUNS_A_SIDE):
        project.run("./bench", label="after")
    project.has("checkout", 2 * RUNS_A_SIDE * CHECKOUTS)
    return project


def words(answer):
    return "".join(block.text for block in answer.content)


def rows(answer, name):
    """The rows of one of an answer's tables, without the marks of recorded text."""
    found = answer.structured_content["tables"].get(name, {"columns": [], "rows": []})
    columns = [column.removeprefix("untrusted.") for column in found["columns"]]
    return [dict(zip(columns, row)) for row in found["rows"]]


def named(answer, table, /, **values):
    """The first row with these values; the whole answer where there is none."""
    found = [row for row in rows(answer, table) if all(row.get(key) == value for key, value in values.items())]
    assert found, (table, values, words(answer))
    return found[0]


def facts(answer):
    return answer.structured_content["facts"]


def slow(answer):
    first = named(answer, "wrong", rank=1)
    assert first["entry"] == "checkout" and f"{LINES}" in first["text"] and "SELECT price" in first["text"], first
    assert re.search(rf"store\.py:({CHECKOUT}|{STATEMENT})\b", first["code_at"]) and first["share"] > 0, first


def failed(answer):
    cause = named(answer, "wrong", rank=1)
    assert (cause["code"], cause["entry"]) == ("error", "import.products"), cause
    assert "ValueError" in cause["text"] and f"store.py:{RAISED}" in cause["code_at"] and cause["raised"] > 1, cause


def wrong(answer):
    found = {row["code"]: row for row in rows(answer, "wrong")}
    assert "error" in found and "n_plus_one" in found, words(answer)


def works(answer):
    entries = {row["name"]: row for row in rows(answer, "entry_points")}
    counts = {name: entries[name]["executions"] for name in ("checkout", "commit", "export", "import.products")}
    assert counts == {"checkout": CHECKOUTS, "commit": COMMITS, "export": LAST, "import.products": 1}, words(answer)
    assert any("SELECT" in str(row["name"]) and row["calls_each"] == LINES for row in rows(answer, "calls")), words(answer)


def changed(answer):
    entry = named(answer, "entry_points", name="checkout")
    # Whether that is certain, the noise of the machine decides; the two times are apart on any.
    assert entry["p50_nanos"] < entry["p50_before_nanos"] and entry["verdict"] in ("faster", "no difference shown"), entry


def happens(answer):
    assert facts(answer)["executions"] == COMMITS, words(answer)
    calls = " ".join(str(row) for row in rows(answer, "breakdown"))
    assert "INSERT" in calls and "UPDATE" in calls, words(answer)


def went_wrong(answer):
    assert "row 3 has no price" in words(answer) and f"store.py:{RAISED}" in words(answer), words(answer)


def predicted(answer):
    known = facts(answer)
    assert known["at"] == 300_000 and known["low_nanos"] < known["predicted_nanos"] < known["high_nanos"], words(answer)


def helped(answer):
    operation = named(answer, "operations", name="checkout")
    assert operation["after_nanos"] < operation["before_nanos"] and operation["verdict"] != "slower", operation
    assert any(row["verdict"] == "fewer" and "SELECT" in row["what"] for row in rows(answer, "counts")), words(answer)


def proved(answer):
    # How long a whole run takes is the machine's; what a checkout asks is the change's.
    assert facts(answer)["verdict"] in ("pass", "undecided"), words(answer)
    shown = {row["code"]: row["reason"] for row in rows(answer, "reasons") if row["speaks_for"] == "pass"}
    assert f"statements in checkout: {LINES} before, 1 after" in shown["fewer_statements"], words(answer)
    assert not any(row["speaks_for"] == "fail" for row in rows(answer, "reasons")), words(answer)


def exceptions(answer):
    error = named(answer, "errors", type="ValueError")
    assert error["count"] == 1 and f"store.py:{RAISED}" in str(error) and "row 3 has no price" in str(error), error


def edited(answer):
    assert facts(answer)["in_these_files"] >= 1, words(answer)
    finding = named(answer, "findings", code="n_plus_one")
    assert finding["file"].startswith("store.py:") and finding["operation"] == "checkout", finding
    assert f"{LINES}" in finding["numbers"], finding


def new(answer):
    assert named(answer, "findings", code="n_plus_one")["state"] == "open"


def of_tests(answer):
    known = facts(answer)
    # What failed last time is failing, flaky or not.
    assert (known["tests"], known["failing"], known["flaky"]) == (3, 2, 1), words(answer)
    assert "failing" in named(answer, "tests", name="test_rounding")["lists"]
    assert "flaky" in named(answer, "tests", name="test_stock")["lists"]


def ran(answer):
    ends = {row["command"].split()[-1]: row["ended"] for row in rows(answer, "runs")}
    assert (ends["day"], ends["night"]) == ("exit 0", "exit 1"), words(answer)


def services(answer):
    assert named(answer, "services", service="store")["spans"] > CHECKOUTS * LINES


def of_user(answer):
    found = rows(answer, "traces")
    assert len(found) == CHECKOUTS // 10 and {row["name"] for row in found} == {"checkout"}, words(answer)


def opened(answer):
    assert "supplier.csv" in words(answer) and "row 3 has no price" in words(answer) and "<recorded-" in words(answer)


def counted(answer):
    spans = {row["name"]: row["spans"] for row in rows(answer, "rows")}
    assert spans["checkout"] >= CHECKOUTS and spans["import.products"] == 1, words(answer)


@dataclass
class Case:
    """Against what a call is made, and what its answer must name."""

    project: str
    check: Callable


CASES = {
    "Why is checkout slow?": Case("store", slow),
    "Why did the import fail last night?": Case("store", failed),
    "Something is wrong with this program, but I cannot say what.": Case("store", wrong),
    "How does this program work, and what are its parts?": Case("store", works),
    "What is different since START?": Case("change", changed),
    "What happens when someone commits?": Case("store", happens),
    "What went wrong in trace TRACE_ID?": Case("store", went_wrong),
    "How long would an export of 300,000 rows take?": Case("store", predicted),
    "Did my change help? The runs are labelled before and after.": Case("change", helped),
    "Prove that my uncommitted change made ./bench faster; nothing is recorded yet.": Case("change", proved),
    "Which exceptions were there since yesterday?": Case("store", exceptions),
    "How often did the error FINGERPRINT happen, and in which line?": Case("store", exceptions),
    "I am about to edit store.py: is anything known about it?": Case("store", edited),
    "Is there anything new that I should know of?": Case("store", new),
    "Which tests fail, and which are flaky?": Case("store", of_tests),
    "What was run here, and how did it end?": Case("store", ran),
    "Which services have reported?": Case("store", services),
    "Show me the checkouts of user 7.": Case("store", of_user),
    "Show me every statement and attribute that was recorded of trace TRACE_ID.": Case("store", opened),
    "How many spans are there of each name?": Case("store", counted),
}


def test_the_page_and_the_cases_are_the_same_sentences():
    assert [row.said for row in TABLE] == list(CASES)
    assert len({row.tool for row in TABLE}) == 9, "each tool is the answer to something"


def filled(value, known):
    """A value with what its placeholders stand for."""
    if isinstance(value, str):
        for name, text in known.items():
            value = value.replace(name, text)
        return value
    if isinstance(value, list):
        return [filled(each, known) for each in value]
    return {name: filled(each, known) for name, each in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize("row", TABLE, ids=[re.sub(r"\W+", "-", row.said).strip("-") for row in TABLE])
def test_the_call_answers_what_is_said(store, change, row):
    case = CASES[row.said]
    project = {"store": store, "change": change}[case.project]
    known = {
        "TRACE_ID": lambda: store.json("find", "--name", "import.products")["items"][0]["trace_id"],
        "FINGERPRINT": lambda: next(item["fingerprint"] for item in store.json("errors")["items"] if item["type"] == "ValueError"),
        "START": lambda: change.start,
    }
    used = {name: text() for name, text in known.items() if name in json.dumps(row.arguments)}
    answer = project.call(row.tool, filled(row.arguments, used))
    if answer is None:
        assert row.tool == "query_sql" and not (binary().parent / "kino-sql").exists(), row.tool
        pytest.skip("kino-sql is not built: cargo build -p kino-sql")
    assert not answer.is_error, words(answer)
    case.check(answer)
