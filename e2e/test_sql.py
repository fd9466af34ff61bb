"""SQL through everything: the official SDK's client, `kino`, the engine's snapshot, `kino-sql`."""

import asyncio
import json
import time
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters

from conftest import binary, otlp, span, text

MS = 1_000_000
QUERY = "SELECT name, count(*) AS calls, max(duration_nanos) AS longest FROM spans GROUP BY name ORDER BY calls DESC"

pytestmark = pytest.mark.skipif(
    not (binary().parent / "kino-sql").exists(), reason="kino-sql is not built: cargo build -p kino-sql"
)


@pytest.fixture(scope="module")
def shop(engine):
    """Rows in files and rows in memory: a query sees both as one."""
    now = time.time_ns() - 60_000 * MS
    for number in range(40):
        start = now + number * 10 * MS
        engine.send(otlp("shop", [
            span(0x7000 + number, 1, "checkout", start, start + 8 * MS, kind=2),
            span(0x7000 + number, 2, "pay", start + MS, start + 7 * MS, parent=1, kind=3),
            span(0x7000 + number, 3, "pay", start + 7 * MS, start + 8 * MS, parent=1, kind=3),
        ]))
        if number == 19:
            engine.json("lake", "files", "--flush")
    return engine


def test_an_assistant_queries_files_and_memory_as_one(shop):
    async def run():
        transport = StdioServerParameters(
            command=str(binary()), args=["mcp"], env=shop.environment, cwd=str(shop.directory)
        )
        async with asyncio.timeout(120), Client(transport) as client:
            rows = await client.call_tool("query_sql", {"sql": QUERY})
            refused = await client.call_tool("query_sql", {"sql": "CREATE TABLE mine AS SELECT * FROM spans"})
            wrong = await client.call_tool("query_sql", {"sql": "SELECT nane FROM spans"})
            return rows, refused, wrong

    rows, refused, wrong = asyncio.run(run())
    assert not rows.is_error, rows.content
    assert rows.structured_content["tables"]["rows"] == {
        "columns": ["untrusted.name", "untrusted.calls", "untrusted.longest"],
        "rows": [["pay", 80, 6 * MS], ["checkout", 40, 8 * MS]],
    }
    assert refused.is_error
    assert wrong.is_error and "name" in "".join(block.text for block in wrong.content)


def test_the_command_prints_rows_with_ids_in_hex_and_times_in_nanoseconds(shop):
    answer = shop.json("sql", f"SELECT trace_id, start_unix_nanos FROM traces WHERE trace_id = '{0x7000:032x}'")
    [row] = answer["rows"]
    assert row["trace_id"] == f"{0x7000:032x}"
    assert isinstance(row["start_unix_nanos"], int) and abs(row["start_unix_nanos"] - time.time_ns()) < 3_600_000 * MS


def test_a_query_that_meets_damage_is_asked_again_over_what_is_left(own_engine):
    """Each of two groups has one span; a bit of one group's file flips after the engine has read it."""
    now = time.time_ns()
    files = set()
    for trace, name in [(0x8001, "sound"), (0x8002, "damaged")]:
        own_engine.send(otlp("shop", [span(trace, 1, name, now, now + MS)]))
        listed = own_engine.json("lake", "files", "--flush")["files"]
        [new] = {file["url"].removeprefix("file://") for file in listed if file["table"] == "spans"} - files
        files.add(new)
    query = "SELECT name FROM spans ORDER BY name"
    assert own_engine.json("sql", query)["rows"] == [{"name": "damaged"}, {"name": "sound"}]
    damaged = bytearray(Path(new).read_bytes())
    damaged[len(damaged) // 3] ^= 4
    Path(new).write_bytes(damaged)
    answer = own_engine.kino("sql", query, "--json")
    assert json.loads(answer.stdout)["rows"] == [{"name": "sound"}]
    assert json.loads(answer.stdout)["damage"] == {"groups": 1, "spans": 1}
    assert b"is damaged" in answer.stderr
    assert new.rsplit("/", 1)[1] in own_engine.kino("doctor", check=False).stdout.decode()
