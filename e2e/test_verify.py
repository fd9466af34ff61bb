"""`kino run --against` and `verify_change`, on a real repository whose program is slow in one commit and fixed in the next."""

import asyncio
import json
import re
import shlex
import subprocess
import time

import pytest
from mcp import Client, StdioServerParameters
from mcp.types import ListRootsResult, Root

from conftest import E2E, binary, eventually

# Far apart, so that no machine's noise decides: what is tested is the verdict, not a time.
SLOW, FIXED = "0.12", "0.01"


@pytest.fixture
def repository(own_engine, python):
    """Two commits of a program: slow with an N+1 query, then fixed. The engine's directory is the repository."""
    folder = own_engine.directory
    program = (E2E / "apps" / "cart.py").read_text()
    git(folder, "init", "-q", "-b", "main")
    for delay, queries in [(SLOW, "6"), (FIXED, "1")]:
        (folder / "cart.py").write_text(program.replace("DELAY_SECONDS", delay).replace("QUERIES", queries))
        git(folder, "add", ".")
        git(folder, "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q", "-m", "a step")
    own_engine.program = [str(python), "cart.py"]
    return own_engine


def git(folder, *arguments):
    subprocess.run(["git", "-C", folder, *arguments], check=True, capture_output=True)


def allow(engine, *commands, **more):
    """Writes the user's own configuration; the addresses stay those of the running engine."""
    lines = ["[verify]", f"allow = {json.dumps(list(commands))}", *(f"{key} = {value}" for key, value in more.items())]
    (engine.home / "config.toml").write_text("\n".join(lines) + "\n")


def call(engine, *calls, kind="stdio", root=None, until=lambda answer: False):
    """Calls the tool again and again in one session, with which a verification ends; each call may be made from the
    answers before it, and an answer that `until` holds for is the last."""
    async def roots(_context):
        return ListRootsResult(roots=[Root(uri=root.as_uri())])

    async def run():
        answers = []
        # Roots are asked of the client by the protocol's earlier versions.
        more = {"list_roots_callback": roots, "mode": "legacy"} if root else {}
        async with asyncio.timeout(240):
            stdio = StdioServerParameters(command=str(binary()), args=["mcp"], env=engine.environment, cwd=str(engine.home))
            if not root:
                stdio.cwd = str(engine.directory)
            async with Client(stdio if kind == "stdio" else engine.mcp_over_http(), **more) as client:
                for one in calls:
                    answers.append(await client.call_tool("verify_change", one(answers) if callable(one) else one))
                    if until(answers[-1]):
                        break
        return answers

    return asyncio.run(run())


def facts(result):
    assert not result.is_error, result.content
    return result.structured_content["facts"]


def reasons(result):
    table = result.structured_content["tables"]["reasons"]
    return [dict(zip(table["columns"], row)) for row in table["rows"]]


def test_a_fixed_commit_passes_and_a_broken_one_fails(repository):
    passed = repository.kino("run", "--json", "--against", "HEAD~1", "--", *repository.program)
    answer = json.loads(passed.stdout)
    assert (answer["schema"], answer["state"], answer["verdict"]) == ("kino.verify.v1", "done", "pass"), answer
    codes = {reason["code"] for reason in answer["reasons"]}
    assert {"faster", "fewer_statements"} <= codes, answer["reasons"]
    faster = next(reason for reason in answer["reasons"] if reason["code"] == "faster")
    numbers = {number["name"]: number["value"] for number in faster["numbers"]}
    assert numbers["effect_low"] <= numbers["effect"] <= numbers["effect_high"] < 1
    # It ends once the verdict is sure, with as many on each side.
    turns = numbers["executions_after"]
    assert numbers["executions_before"] == turns and 4 <= turns <= 10
    assert len(answer["after"]["runs"]) == turns == numbers["runs_after"]
    assert answer["comparison"]["schema"] == "kino.compare.v1"
    assert len(answer["left_out"]["warm_up_runs"]) == 2

    # What ran of the older code is no part of what this code does.
    explained = repository.json("explain", "load_cart")
    assert (explained["executions"], explained["left_out"]["executions"]) == (turns + 1, turns + 1), explained
    assert explained["left_out"]["of_verifications"] == turns + 1
    shown = repository.kino("explain", "load_cart").stdout.decode()
    assert f"Not counted here: {int(turns) + 1} executions in worktrees of verifications" in shown, shown
    asked = {**repository.environment, "_KINO_COMPLETE": "bash", "_CLAP_COMPLETE_INDEX": "2", "_CLAP_IFS": "\n"}
    offered = subprocess.run([binary(), "--", "kino", "open", "verification:"], env=asked, cwd=repository.directory, capture_output=True, text=True)
    assert offered.stdout.split() == [f"verification:{answer['id']}"]
    # A state of the code is known by its beginning.
    head = subprocess.run(["git", "-C", repository.directory, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout
    whole, part = (repository.json("compare", "--before", f"code:{code}", "--after", f"code:{code}") for code in (head.strip(), head[:7]))
    assert part["executions"]["before"] == whole["executions"]["before"] > 0

    git(repository.directory, "checkout", "-q", "HEAD~1")
    failed = repository.kino("run", "--against", "main", "--repeat", "6", "--", *repository.program, check=False)
    assert failed.returncode == 1, failed.stderr
    told = failed.stdout.decode()
    assert told.startswith("fail: ") and "load_cart is slower" in told and "statements in load_cart: 1 before, 6 after" in told, told
    assert b"verification" in failed.stderr
    assert not list((repository.home / "scratch").iterdir())


def test_nothing_is_executed_until_the_users_own_configuration_allows_it(repository):
    command = [*repository.program, "--name", "it's; touch evil"]
    # What the repository says counts for nothing.
    (repository.directory / "config.toml").write_text('[verify]\nallow = [["python"]]\n')
    [refused] = call(repository, {"command": command, "against": "HEAD~1"})
    told = facts(refused)
    assert told["executed"] == "no"
    moved, line = told["run"].split(" && ")
    assert shlex.split(moved) == ["cd", str(repository.directory)]
    assert shlex.split(line) == ["kino", "run", "--against=HEAD~1", "--repeat=10", "--", *command]
    assert "config.toml" in "".join(refused.structured_content["notes"])
    assert repository.json("find", "--all")["items"] == []

    # The agent runs the line by its own means, and reads the result by the id it prints.
    line = line.replace("kino", str(binary()), 1).replace("--repeat=10", "--repeat=6")
    ran = subprocess.run(line, shell=True, cwd=repository.directory, env=repository.environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    [read] = call(repository, {"id": re.search(r"verification ([0-9a-f]+)", ran.stderr)[1]})
    assert facts(read)["verdict"] == "pass"
    assert not (repository.directory / "evil").exists()


@pytest.mark.parametrize("kind", ["stdio", "http"])
def test_a_client_with_a_root_is_served_there_and_one_without_has_no_place_over_http(repository, kind):
    allow(repository, repository.program)
    if kind == "http":
        [refused] = call(repository, {"command": repository.program}, kind=kind)
        assert facts(refused)["executed"] == "no" and "root" in "".join(refused.structured_content["notes"])
    [done] = call(repository, {"command": repository.program, "against": "HEAD~1", "repeat": 6}, kind=kind, root=repository.directory)
    assert facts(done)["verdict"] == "pass", done.structured_content


def test_an_allowed_command_is_verified_and_asked_for_again(repository):
    allow(repository, repository.program, wait_seconds=0)

    def ask_again(answers):
        time.sleep(1)
        return {"id": facts(answers[0])["id"]}

    first, twice, *asked = call(
        repository,
        {"command": repository.program, "against": "HEAD~1", "repeat": 6},
        {"command": repository.program, "against": "HEAD~1", "repeat": 6},
        *[ask_again] * 120,
        until=lambda answer: not answer.is_error and facts(answer)["verdict"] != "running",
    )
    assert facts(first)["verdict"] == "running"
    assert twice.is_error and "another verification" in twice.content[0].text
    done = asked[-1]
    assert facts(done)["verdict"] == "pass", done.structured_content
    assert {"faster", "fewer_statements"} <= {reason["code"] for reason in reasons(done)}
    assert all("untrusted.reason" in reason for reason in reasons(done))
    assert eventually(lambda: not list((repository.home / "scratch").iterdir()))


def test_one_call_waits_for_the_verdict_where_that_is_soon(repository):
    allow(repository, [repository.program[0]])
    git(repository.directory, "checkout", "-q", "HEAD~1")
    [failed] = call(repository, {"command": repository.program, "against": "main", "repeat": 6})
    assert facts(failed)["verdict"] == "fail"
    assert {"slower", "more_statements"} <= {reason["code"] for reason in reasons(failed) if reason["speaks_for"] == "fail"}
    wrong, none = call(repository, {"command": repository.program, "against": "nowhere"}, {"id": "f" * 32})
    assert wrong.is_error and "nowhere" in wrong.content[0].text
    assert none.is_error and "no verification" in none.content[0].text
