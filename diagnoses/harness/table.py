"""What a report prints."""

from .ask import CALLS_MAX, TOKENS_MAX
from .program import read

HEAD = """| program | what is wrong | runs again | rank of the cause | named after | tokens until then | over MCP: first, tokens |
|---|---|---|---:|---|---:|---:|"""


def table(asked):
    lines = [HEAD]
    for one in asked:
        program = read(one.program)
        named = f"{one.named_after} call{'s' if one.named_after > 1 else ''}" if one.named_after else "not named"
        mcp = "–" if one.mcp_tokens is None else f"{'yes' if one.mcp_first else 'no'}, {one.mcp_tokens:,}"
        cells = [
            f"`{one.program}`", program.title, "yes" if program.again else "no", str(one.rank or "–"), named,
            f"{one.tokens_until_named:,}" if one.named_after else f"({sum(one.tokens):,})", mcp,
        ]
        lines.append(f"| {' | '.join(cells)} |")
    first = sum(one.rank == 1 for one in asked)
    within = sum(one.is_within_aim for one in asked)
    lines.append("")
    lines.append(
        f"Cause first in {first} of {len(asked)}; named within {CALLS_MAX} calls and {TOKENS_MAX:,} tokens in {within} of "
        f"{len(asked)}."
    )
    return "\n".join(lines) + "\n"


def detail(one):
    """All that was asked and answered, and the truth beside it."""
    program = read(one.program)
    lines = [
        f"## {one.program}", f"truth: {program.cause}", f"where: {program.where}",
        f"rank {one.rank}, named after {one.named_after}, tokens {one.tokens}", f"first entry: {one.first}",
    ]
    for command, answer in one.calls:
        lines += [f"$ kino {command}", answer.rstrip()]
    return "\n".join(lines) + "\n"
