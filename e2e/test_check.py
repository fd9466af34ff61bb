"""`kino check` over what real programs left: sentences of kino.toml, a committed baseline, and the formats of CI."""

import json
import subprocess
import xml.etree.ElementTree as xml

import pytest

from conftest import E2E

PROGRAM = (E2E / "apps" / "cart.py").read_text()


@pytest.fixture
def repository(own_engine, python):
    folder = own_engine.directory
    git(folder, "init", "-q", "-b", "main")
    own_engine.python = str(python)
    return own_engine


def git(folder, *arguments):
    subprocess.run(["git", "-C", folder, *arguments], check=True, capture_output=True)


def state(engine, queries, delay, runs):
    """Commits the program with so many queries of so long, and runs it."""
    (engine.directory / "cart.py").write_text(PROGRAM.replace("DELAY_SECONDS", delay).replace("QUERIES", str(queries)))
    git(engine.directory, "add", ".")
    git(engine.directory, "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q", "--allow-empty", "-m", "a step")
    for _ in range(runs):
        engine.kino("run", "--", engine.python, "cart.py")


def expect(engine, *sentences):
    (engine.directory / "kino.toml").write_text("expect = [\n" + "".join(f"  {json.dumps(one)},\n" for one in sentences) + "]\n")


def outcomes(engine, *arguments):
    done = engine.kino("check", *arguments, "--json", check=False)
    answer = json.loads(done.stdout)
    assert answer["schema"] == "kino.check.v1"
    return done.returncode, {line["text"]: line["outcome"] for line in answer["lines"]}, answer


def test_sentences_are_held_against_the_newest_state_of_the_code(repository):
    expect(repository, "load_cart max < 1 h", "at most 2 SQL calls in load_cart", "no errors", "no n_plus_one in load_cart")
    state(repository, 3, "0.01", 2)
    state(repository, 2, "0.01", 2)
    code, told, answer = outcomes(repository)
    assert (code, set(told.values())) == (0, {"pass"}), answer
    assert all(line["executions"] == 2 for line in answer["lines"]) and answer["set"].startswith("code:"), answer

    # The sentences alone change: the state of the code that ran here last is still the newest.
    expect(repository, "load_cart max < 1 ns", "at most 1 query in load_cart", "load_kart p95 < 1 s", "no new error types")
    code, told, answer = outcomes(repository)
    assert code == 1
    assert told == {
        "load_cart max < 1 ns": "fail", "at most 1 query in load_cart": "fail",
        "load_kart p95 < 1 s": "no_data", "no new error types": "pass",
    }
    lines = {line["text"]: line for line in answer["lines"]}
    assert "load_cart" in lines["load_kart p95 < 1 s"]["measured"]
    example = lines["at most 1 query in load_cart"]["evidence"][0]
    assert repository.json("open", f"{example['trace_id']}/{example['span_id']}")

    report = xml.fromstring(repository.kino("check", "--format", "junit", check=False).stdout)
    assert [len(report.findall(f".//{what}")) for what in ("testcase", "failure")] == [4, 3]
    annotated = repository.kino("check", "--format", "github", "--allow-no-data", check=False).stdout.decode().splitlines()
    assert annotated[0].startswith("::error file=kino.toml,line=2,title=load_cart max < 1 ns::")
    assert [line.split(" ")[0] for line in annotated[:-1]] == ["::error", "::error", "::warning"]

    expect(repository, "load_cart p95 <")
    wrong = repository.kino("check", check=False)
    assert wrong.returncode == 2 and b"kino.toml:2, column 19" in wrong.stderr, wrong.stderr


def test_a_committed_baseline_is_kept_to(repository):
    state(repository, 1, "0.01", 7)
    repository.kino("check", "--write-baseline", "baseline.json")
    written = json.loads((repository.directory / "baseline.json").read_text())
    assert written["schema"] == "kino.baseline.v1"
    assert [(one["name"], one["executions"], one["counts"]["statements"]) for one in written["operations"]] == [("load_cart", 7, 1)]
    code, told, _ = outcomes(repository, "--baseline", "baseline.json")
    assert (code, set(told.values())) == (0, {"pass"}), told

    # Far slower, and with more statements: no machine's noise decides.
    state(repository, 3, "0.12", 7)
    code, told, answer = outcomes(repository, "--baseline", "baseline.json")
    assert code == 1
    measured = {line["text"]: (line["outcome"], line["measured"]) for line in answer["lines"]}
    slower = next(value for text, value in measured.items() if "not slower" in text)
    more = next(value for text, value in measured.items() if "does no more" in text)
    assert slower[0] == "fail" and slower[1].startswith("slower: ")
    assert more == ("fail", "statements 1 then, 3 now in each execution")
    assert all(line["from_baseline"] for line in answer["lines"])

    (repository.directory / "baseline.json").write_text('{"schema": "kino.baseline.v9"}')
    assert repository.kino("check", "--baseline", "baseline.json", check=False).returncode == 2
