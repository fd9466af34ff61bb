"""The life of a finding: a real program with a fault, repaired, and broken again, told to an MCP client that subscribed."""

import asyncio
import json
import subprocess

import pytest
from mcp import Client, StdioServerParameters

from conftest import binary, eventually

# A loop of statements where one would do; MANY is what the repair takes away.
PROGRAM = '''
import sqlite3, time
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

MANY = {many}
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)
tracer = trace.get_tracer("cart")
for execution in range(6):
    with tracer.start_as_current_span("load_cart", kind=trace.SpanKind.SERVER,
                                      attributes={{"code.file.path": {path!r}, "code.line.number": 14}}):
        for item in range(MANY):
            with tracer.start_as_current_span("SELECT items", kind=trace.SpanKind.CLIENT, attributes={{
                "db.system.name": "sqlite", "db.query.text": f"SELECT * FROM items WHERE id = {{item}}"}}):
                time.sleep(0.001)
provider.shutdown()
'''


@pytest.fixture
def shop(own_engine, python):
    return Shop(own_engine, python)


class Shop:
    """A repository with the program, and ways to change and run it."""

    def __init__(self, engine, python):
        self.engine, self.python, self.directory = engine, python, engine.directory
        self.git("init", "-q")
        self.write(20, "faulty")

    def git(self, *arguments):
        who = ["-c", "user.name=e2e", "-c", "user.email=e2e@example.invalid"]
        subprocess.run(["git", *who, *arguments], cwd=self.directory, env=self.engine.environment, check=True, capture_output=True)

    def write(self, many, message):
        path = self.directory / "cart.py"
        path.write_text(PROGRAM.format(many=many, path=str(path)))
        self.git("add", "cart.py")
        self.git("commit", "-q", "-m", message)

    def run(self):
        return self.engine.kino("run", "--", self.python, "cart.py").stderr.decode()

    def code(self):
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=self.directory, env=self.engine.environment, check=True, capture_output=True)
        return head.stdout.decode().strip()

    def n_plus_one(self):
        items = self.engine.json("insights", "--state", "all")["items"]
        return next((item for item in items if item["code"] == "n_plus_one"), None)

    def transport(self, kind):
        if kind == "http":
            return self.engine.mcp_over_http()
        return StdioServerParameters(command=str(binary()), args=["mcp"], env=self.engine.environment, cwd=str(self.directory))

    def mcp(self, ask, kind="stdio", **options):
        async def session():
            async with asyncio.timeout(110):
                async with Client(self.transport(kind), **options) as client:
                    return await ask(client)

        return asyncio.run(session())


def rows(result):
    table = result.structured_content["tables"]["findings"]
    return [dict(zip(table["columns"], row)) for row in table["rows"]]


def test_a_finding_opens_is_told_once_is_fixed_and_comes_back(shop):
    async def check(client):
        return await client.call_tool("check_insights", {})

    faulty = shop.code()
    told = shop.run()
    assert "findings new: " in told and "n_plus_one" in told, told
    opened = shop.n_plus_one()
    assert (opened["state"], opened["opened_at_code"], opened["file"]) == ("open", faulty, "cart.py"), opened

    async def twice(client):
        return await check(client), await check(client), await client.call_tool("check_insights", {"files": ["cart.py"]})

    first, second, by_file = shop.mcp(twice)
    found = [row for row in rows(first) if row["code"] == "n_plus_one"]
    assert found and found[0]["file"].startswith("cart.py"), first
    assert len(json.dumps(first.structured_content, separators=(",", ":"))) <= 800 * 4
    assert not [row for row in rows(second) if row["code"] == "n_plus_one"], "it is not new any more"
    assert second.structured_content["facts"]["told_before"] >= 1
    assert rows(by_file)[0]["code"], "who names the file is told again"
    assert "n_plus_one" in {row["code"] for row in rows(by_file)}

    shop.write(1, "one statement")
    assert "fixed: " in shop.run()
    fixed = shop.n_plus_one()
    assert (fixed["state"], fixed["fixed_at_code"]) == ("fixed", shop.code()), fixed
    assert fixed["fix"]["before_code"] == faulty and fixed["fix"]["effect"] < 0.9, fixed["fix"]
    news = rows(shop.mcp(check))
    assert [row["state"] for row in news if row["code"] == "n_plus_one"] == ["fixed"], news

    shop.write(20, "the loop is back")
    assert "back again: " in shop.run()
    assert shop.n_plus_one()["state"] == "recurring"

    shop.engine.kino("insights", "ack", opened["fingerprint"][:12])
    assert shop.n_plus_one()["state"] == "acknowledged"
    shop.engine.kino("forget", "--everything", "--yes")
    assert shop.engine.json("insights", "--state", "all", "--all")["items"] == []


@pytest.mark.parametrize("kind", ["stdio", "http"])
def test_sessions_that_subscribed_are_told_of_changes(shop, kind):
    seen = []

    async def note(message):
        seen.append(message)

    async def ask(client):
        listed = {str(resource.uri) for resource in (await client.list_resources()).resources}
        await client.subscribe_resource("kino://findings")
        await asyncio.to_thread(shop.run)
        for _ in range(200):
            if {"notifications/resources/updated", "notifications/resources/list_changed"} <= methods(seen):
                break
            await asyncio.sleep(0.1)
        content = await client.read_resource("kino://findings")
        findings = json.loads(content.contents[0].text)["items"]
        one = next(item for item in findings if item["code"] == "n_plus_one")
        read = await client.read_resource(f"kino://findings/{one['fingerprint']}")
        return listed, one, json.loads(read.contents[0].text)

    listed, one, read = shop.mcp(ask, kind, mode="legacy", message_handler=note)
    assert listed == {"kino://answers", "kino://findings"}
    assert {"notifications/resources/updated", "notifications/resources/list_changed"} <= methods(seen), seen
    # Without roots, HTTP says nothing of where the client works, so that no path is known to be its own.
    shown = "cart.py" if kind == "stdio" else "sha256:"
    assert read == one and one["state"] == "open" and one["file"].startswith(shown), one
    assert "SELECT" not in json.dumps(one), "nothing recorded is pushed"
    # The name of the operation stands in the client's own file, where one is known.
    assert ("load_cart" in json.dumps(one)) == (kind == "stdio"), one


def methods(messages):
    return {getattr(message, "method", getattr(getattr(message, "root", None), "method", None)) for message in messages}


@pytest.mark.parametrize("kind", ["stdio", "http"])
def test_a_client_that_listens_is_told_on_its_stream(shop, kind):
    async def ask(client):
        heard = []
        async with client.listen(resources_list_changed=True, resource_subscriptions=["kino://findings"]) as stream:
            run = asyncio.create_task(asyncio.to_thread(shop.run))
            async for event in stream:
                heard.append(type(event).__name__)
                if len(set(heard)) == 2:
                    break
            await run
        return heard

    assert len(set(shop.mcp(ask, kind))) == 2


def test_what_is_switched_off_is_found_nowhere(shop):
    shop.engine.stop()
    (shop.engine.home / "config.toml").write_text('[findings]\noff = ["n_plus_one"]\n')
    shop.engine.start()
    assert "n_plus_one" not in shop.run()
    assert shop.n_plus_one() is None
    explained = shop.engine.json("explain", "load_cart")
    assert "n_plus_one" not in {finding["code"] for finding in explained["findings"]}
    (shop.engine.home / "config.toml").write_text('[findings]\noff = ["n_plus_on"]\n')
    refused = shop.engine.kino("status", check=False)
    assert refused.returncode == 2 and b"did you mean `n_plus_one`?" in refused.stderr, refused.stderr


def test_a_plain_exporter_is_looked_at_without_being_asked(shop):
    """No run tells the engine when to look: it looks once the traces have been quiet for a while."""
    environment = {**shop.engine.environment, "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{shop.engine.otlp_http}", "OTEL_SERVICE_NAME": "cart"}
    subprocess.run([shop.python, "cart.py"], cwd=shop.directory, env=environment, check=True)

    def kept():
        status, answer = shop.engine.request(shop.engine.http, "/api/v1/insights", b"{}", {"content-type": "application/json", **shop.engine.bearer()})
        assert status == 200, answer
        return [item for item in json.loads(answer)["items"] if item["code"] == "n_plus_one"]

    assert eventually(kept)
