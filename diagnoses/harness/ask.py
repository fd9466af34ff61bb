"""Asks about a recording as a user does, and judges the answers by what is known of the program."""

import asyncio
import json
import re
import time
from dataclasses import dataclass, field

from mcp import Client, StdioServerParameters

from .engine import SECONDS_MAX, Engine

# As everywhere in Kinescope: an estimate that holds for English and JSON.
BYTES_PER_TOKEN = 4
CALLS_MAX = 2
TOKENS_MAX = 3_000
# `kino` ends like this where what was asked for does not exist: an answer as well.
CODES = (0, 3)
# The parts of an entry that say what the cause is, and those that are read before the next call: what is only seen
# beside a cause does not make an entry the right one.
CAUSE = ("code", "text", "operation", "subject", "location")
READ = (*CAUSE, "evidence", "also")
# The engine finds things in the background; a question that comes while it starts may be too early.
FINDINGS_SECONDS_MAX = 30


@dataclass
class Asked:
    """What two calls said, and what that is worth."""

    program: str
    # The answers as text, with the command line of each.
    calls: list[tuple[str, str]] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    # The rank of the first entry that is the cause, and after which call the cause is named; None where never.
    rank: int | None = None
    named_after: int | None = None
    # What the first entry was.
    first: str = ""
    # The same question over MCP: its tokens, and whether the first row is the cause.
    mcp_tokens: int | None = None
    mcp_first: bool | None = None

    @property
    def tokens_until_named(self):
        return sum(self.tokens[: self.named_after]) if self.named_after else None

    @property
    def is_within_aim(self):
        return self.named_after is not None and self.named_after <= CALLS_MAX and self.tokens_until_named <= TOKENS_MAX


def tokens_of(text):
    return -(-len(text.encode()) // BYTES_PER_TOKEN)


def texts_of(value):
    """All texts and numbers in a JSON value; its keys are no answer."""
    if isinstance(value, dict):
        return [text for inner in value.values() for text in texts_of(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in texts_of(inner)]
    return [] if value is None or isinstance(value, bool) else [str(value)]


def said_by(entry, parts):
    """The texts of some parts of an entry, each on a line."""
    return "\n".join(text for part in parts for text in texts_of(entry.get(part)))


def holds(text, patterns):
    """Whether a text has all patterns; those in a list of their own in one of its lines together."""
    lines = text.splitlines()
    together = [[pattern] if isinstance(pattern, str) else pattern for pattern in patterns]
    return all(any(all(re.search(part, line) for part in parts) for line in lines) for parts in together)


def judge(program, entries, follow_up):
    """The rank of the cause, and after which call it is named."""
    rank = next((at for at, entry in enumerate(entries, 1) if holds(said_by(entry, CAUSE), program.first)), None)
    first = said_by(entries[0], READ) if entries else ""
    if holds(first, program.named):
        return rank, 1
    return rank, 2 if follow_up and holds(f"{first}\n{follow_up}", program.named) else None


def findings_settled(engine):
    """Waits until two looks at the findings are the same."""
    end, before = time.monotonic() + FINDINGS_SECONDS_MAX, None
    while time.monotonic() < end:
        now = sorted((item["code"], item["state"]) for item in engine.json("insights", "--state", "all", "--all")["items"])
        if now == before:
            return
        before = now
        time.sleep(1)


def ask(program, kino, folder, over_mcp=True):
    """Asks about what was recorded in the folder."""
    asked = Asked(program.name)
    with Engine(kino, folder) as engine:
        findings_settled(engine)
        question = ["diagnose", program.complaint]
        text = engine.ask(*question, codes=CODES)
        entries = engine.json(*question)["entries"]
        asked.calls.append((" ".join(question), text))
        follow_up = ""
        if entries and (following := (entries[0].get("next") or {}).get("command")):
            arguments = following[1:] if following[0] == "kino" else following
            follow_up = engine.ask(*arguments, codes=CODES)
            asked.calls.append((" ".join(arguments), follow_up))
        asked.tokens = [tokens_of(text) for _, text in asked.calls]
        asked.first = f"{entries[0]['code']}: {entries[0]['text']}" if entries else "nothing"
        asked.rank, asked.named_after = judge(program, entries, follow_up)
        if over_mcp:
            asked.mcp_tokens, asked.mcp_first = ask_over_mcp(program, engine)
    return asked


def ask_over_mcp(program, engine):
    """The same question as an assistant asks it: tokens of text and structured content, and whether it leads."""
    server = StdioServerParameters(command=engine.kino, args=["mcp"], env=engine.environment, cwd=str(engine.project))

    async def session():
        async with asyncio.timeout(SECONDS_MAX):
            async with Client(server) as client:
                return await client.call_tool("explain_system", {"question": program.complaint})

    answer = asyncio.run(session())
    text = "".join(block.text for block in answer.content)
    structured = answer.structured_content or {}
    cost = tokens_of(text + (json.dumps(structured, separators=(",", ":"), ensure_ascii=False) if structured else ""))
    table = structured.get("tables", {}).get("wrong", {})
    first = "\n".join(texts_of(table["rows"][0])) if table.get("rows") else ""
    return cost, holds(first, program.first)
