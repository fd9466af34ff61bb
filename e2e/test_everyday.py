"""Everyday use on the command line: pictures, formats, following, completion by a real shell, manual pages, settings."""

import csv
import io
import json
import os
import pty
import select
import shutil
import subprocess
import time

import pyte
import pytest

from conftest import binary, eventually, otlp, span

MS = 1_000_000
FORMULA = "=HYPERLINK(\"http://evil\")"


@pytest.fixture(scope="module")
def shop(engine):
    """A trace with calls that repeat, one with a formula for a name, and one that a shell would execute."""
    start = time.time_ns() - 60_000 * MS
    queries = [span(0xA1, 10 + index, "SELECT item", start + (10 + index * 5) * MS, start + (14 + index * 5) * MS, parent=2, kind=3)
               for index in range(12)]
    engine.send(otlp("shop", [
        span(0xA1, 1, "GET /orders/<int:id>", start, start + 100 * MS, kind=2),
        span(0xA1, 2, "load", start + 5 * MS, start + 75 * MS, parent=1), *queries,
        span(0xA1, 3, "render", start + 76 * MS, start + 98 * MS, parent=1),
    ]))
    engine.send(otlp("shop", [span(0xA2, 1, FORMULA, start, start + MS, kind=2)]))
    engine.send(otlp("shop", [span(0xA3, 1, "$(touch evil)", start, start + MS, kind=2)]))
    return engine


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_a_trace_is_drawn_within_the_width(shop, columns):
    environment = {**shop.environment, "COLUMNS": str(columns)}
    trace = f"{0xA1:032x}"

    def shown(*more):
        done = subprocess.run([binary(), "explain", trace, *more], env=environment, cwd=shop.directory, capture_output=True, text=True, check=True)
        assert all(len(line) <= columns for line in done.stdout.splitlines()), done.stdout
        return done.stdout

    waterfall = shown()
    assert "Waterfall" in waterfall and "SELECT item ×12" in waterfall and "░" in waterfall and "█" in waterfall
    tree = shown("--tree")
    assert tree.count("SELECT item") == 12 and "×" not in tree
    flame = shown("--flame").splitlines()
    assert [line.split()[0].lstrip("▏") for line in flame] == ["GET", "load", "SELECT"]


def test_one_picture_is_of_one_trace(shop):
    refused = shop.kino("explain", "load", "--all", "--flame", check=False)
    assert refused.returncode == 2 and b"give its id" in refused.stderr


def test_a_list_has_its_formats(shop):
    items = shop.json("find", "--all")["items"]
    lines = shop.kino("find", "--all", "--format", "jsonl").stdout.decode().splitlines()
    assert [json.loads(line) for line in lines] == items
    rows = list(csv.DictReader(io.StringIO(shop.kino("find", "--all", "--format", "csv").stdout.decode())))
    assert [row["trace_id"] for row in rows] == [item["trace_id"] for item in items]
    assert "'" + FORMULA in {row["root_name"] for row in rows}, "a spreadsheet reads it as a text"
    for words in (["services"], ["operations"], ["runs"], ["errors"]):
        items = shop.json(*words, "--all")["items"]
        assert len(shop.kino(*words, "--all", "--format", "jsonl").stdout.decode().splitlines()) == len(items), words
    cut = shop.kino("find", "--all", "--limit", "1", "--format", "csv")
    assert b"--cursor" in cut.stderr, "what is left out is said beside the list"


def test_lists_of_a_stretch_of_time_count_what_started_in_it(own_engine):
    """By the beginning and the end of it, over files and memory, and with what was sent twice counted once."""
    start = time.time_ns() - 3_600_000 * MS
    at = lambda minutes: start + minutes * 60_000 * MS
    early = [span(0xD1, number, "early", at(0), at(0) + MS, kind=2) for number in range(1, 4)]
    own_engine.send(otlp("elder", early))
    own_engine.kino("lake", "files", "--flush")
    own_engine.send(otlp("elder", early))
    own_engine.send(otlp("younger", [span(0xD2, 1, "late", at(30), at(30) + MS, kind=2, status={"code": 2})]))

    def counted(command, *window):
        return {item["service"]: item["spans"] for item in own_engine.json(command, "--all", *window)["items"]}

    for command in ("services", "operations"):
        assert counted(command) == {"elder": 3, "younger": 1}
        assert counted(command, "--since", "40m") == {"younger": 1}
        assert counted(command, "--until", "40m") == {"elder": 3}
        assert counted(command, "--since", at(0), "--until", at(30)) == {"elder": 3}
        assert counted(command, "--since", at(30) + 1) == {}
    shown = own_engine.kino("services", "--all", "--since", "40m").stdout.decode()
    assert shown.split()[:5] == ["SERVICE", "OPERATIONS", "ROOTS", "SPANS", "FAILED"] and "elder" not in shown
    unknown = own_engine.kino("operations", "--all", "--service", "yunger").stdout.decode()
    assert unknown.startswith("No service here has this name.") and "younger" in unknown
    unknown = own_engine.kino("find", "--all", "--name", "eraly").stdout.decode()
    assert unknown.startswith('No span here has this name. Did you mean "early"?'), unknown
    assert own_engine.kino("find", "--all", "--name", "early", "--error").stdout.decode().startswith("No trace fits.")


def test_what_runs_printed_and_programs_logged_is_searched(shop):
    shop.kino("run", "--", "sh", "-c", "echo before; printf 'a needle \\033[2J of steel\\n' >&2")
    found = shop.json("search", "NEEDLE", "--all")
    assert found["schema"] == "kino.search.v1" and [hit["source"] for hit in found["hits"]] == ["stderr"]
    shown = shop.kino("search", "needle", "--all").stdout.decode()
    assert "standard error of run" in shown and "of steel" in shown and "\x1b" not in shown
    command = next(line for line in shown.splitlines() if "kino open blob:" in line).split()
    assert b"needle" in shop.kino(*command[1:]).stdout
    [row] = csv.DictReader(io.StringIO(shop.kino("search", "needle", "--all", "--format", "csv").stdout.decode()))
    assert row["run_id"] == found["hits"][0]["run_id"]
    run = row["run_id"][:6]
    assert shop.json("search", "needle", "--run", run)["hits"] == found["hits"]
    assert shop.json("search", "no such text", "--run", run)["hits"] == []
    assert shop.kino("search", "x", check=False).returncode == 2, "one letter is everywhere"


def test_a_browser_finds_where_to_look(shop):
    status, page = shop.request(shop.http, "/")
    assert status == 200 and b"kino watch" in page and b"shop" not in page
    status, _ = shop.request(shop.http, "/", headers={"Host": "evil.example"})
    assert status == 403


def test_colour_is_the_users_choice(shop):
    assert b"\x1b[" in shop.kino("find", "--all", "--color", "always").stdout
    assert b"\x1b[" not in shop.kino("find", "--all", "--color", "never").stdout


@pytest.mark.parametrize("format", [[], ["--json"]])
def test_find_follows_and_ends_with_its_reader(shop, format):
    following = subprocess.Popen([binary(), "find", "--all", "--follow", *format], env=shop.environment, cwd=shop.directory, stdout=subprocess.PIPE)
    number = 0xB000 + len(format)
    seen = [following.stdout.readline() for _ in range(3)]
    start = time.time_ns()
    shop.send(otlp("shop", [span(number, 1, "later", start, start + MS, kind=2)]))
    while f"{number:032x}".encode() not in (line := following.stdout.readline()):
        assert line, seen
    # Without a reader and without news it ends by itself.
    following.stdout.close()
    assert following.wait(20) == 0


def test_bash_completes_what_was_recorded_and_executes_none_of_it(shop, tmp_path):
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "kino").symlink_to(binary())
    environment = {**shop.environment, "PATH": f"{folder}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    installed = subprocess.run(["kino", "completions", "bash", "--install"], env=environment, cwd=shop.directory, capture_output=True, text=True, check=True)
    file = tmp_path / ".local/share/bash-completion/completions/kino"
    assert str(file) in installed.stdout and file.read_text() == "source <(kino completions bash)\n"

    def completed(*words):
        script = f"""source {file}
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_TYPE=9
_clap_complete_kino kino "${{COMP_WORDS[COMP_CWORD]}}" "${{COMP_WORDS[COMP_CWORD-1]}}"
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
        done = subprocess.run(["bash", "-c", script, "bash", *words], env=environment, cwd=shop.directory, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    assert "explain" in completed("kino", "ex")
    assert "GET\\ /orders/\\<int:id\\>" in completed("kino", "explain", "GET")
    assert f"{0xA1:032x}" in completed("kino", "open", "0000")
    assert completed("kino", "find", "--service", "sh") == ["shop"]
    shop.kino("run", "--label", "tabbed", "--", "true")
    assert any(word.startswith("label:tabbed") for word in completed("kino", "compare", "--before", "label"))
    assert "\\$\\(touch\\ evil\\)" in completed("kino", "explain", "")
    assert not (shop.directory / "evil").exists()


@pytest.mark.parametrize("typed, completed", [
    ("kino expl\t", "kino explain "),
    ("kino compare --before label:col\t", "kino compare --before label:colon "),
    ("kino compare --before=label:c\t", "kino compare --before=label:colon "),
    ("kino find --service sh\t", "kino find --service shop "),
    ("kino errors --service sh\t", "kino errors --service shop "),
    ("kino check --label c\t", "kino check --label colon "),
    ("kino explain load\\ o\t", "kino explain load\\ orders\\;\\ touch\\ evil "),
])
def test_an_interactive_bash_completes_before_and_after_a_colon(engine, tmp_path, typed, completed):
    """Keys are typed into a real bash on a terminal: bash splits words at colons, readline replaces what comes after."""
    start = time.time_ns()
    engine.send(otlp("shop", [span(0xC1, 1, "load orders; touch evil", start, start + MS, kind=2)]))
    if not engine.json("runs", "--all", "--label", "colon")["items"]:
        engine.kino("run", "--label", "colon", "--", "true")
    environment = {**engine.environment, "PATH": f"{binary().parent}:{os.environ['PATH']}", "HOME": str(tmp_path), "TERM": "dumb", "PS1": "$ "}
    leader, follower = pty.openpty()
    bash = subprocess.Popen(["bash", "--norc", "--noprofile", "-i"], env=environment, cwd=engine.directory, stdin=follower, stdout=follower,
                            stderr=follower, start_new_session=True)
    os.close(follower)
    screen = pyte.Screen(200, 50)
    stream = pyte.ByteStream(screen)

    def shows(text):
        while select.select([leader], [], [], 0.2)[0]:
            stream.feed(os.read(leader, 65536))
        return any(line.rstrip().endswith(text.rstrip()) for line in screen.display)

    try:
        os.write(leader, b"source <(kino completions bash); bind 'set bell-style none'; echo re''ady\n")
        assert eventually(lambda: shows("ready")), screen.display
        os.write(leader, typed.encode())
        assert eventually(lambda: shows(f"$ {completed}")), [line for line in screen.display if line.strip()]
        assert not (engine.directory / "evil").exists()
    finally:
        bash.kill()
        bash.wait()
        os.close(leader)


def test_manual_pages_and_settings(shop, tmp_path):
    written = shop.json("man", "--out", str(tmp_path / "man1"))
    names = {os.path.basename(page) for page in written["pages"]}
    assert {"kino.1", "kino-find.1", "kino-key-new.1"} <= names
    if shutil.which("man"):
        shown = subprocess.run(["man", "-l", str(tmp_path / "man1" / "kino-find.1")], capture_output=True, text=True)
        assert shown.returncode != 0 or "--follow" in shown.stdout
    (shop.home / "config.toml").write_text("[retention]\ndays = 9\n")
    settings = {setting["name"]: setting for setting in shop.json("config", "show")["settings"]}
    assert settings["retention.days"] == {"name": "retention.days", "value": 9, "from": "config.toml"}
    assert settings["sync.policy"]["from"] == "default"
    # What cannot be read is found by its path.
    (shop.home / "config.toml").write_text("[retention]\ndays = nine\n")
    assert shop.kino("config", "path").stdout.decode().strip() == str(shop.home / "config.toml")
    assert b"config.toml" in shop.kino("config", "show", check=False).stderr
    (shop.home / "config.toml").unlink()


def test_a_longer_answer_goes_to_the_pager_and_a_short_one_does_not(shop, tmp_path):
    """On a terminal of 10 rows, with a pager that notes what it was given."""
    note = tmp_path / "paged"
    environment = {**shop.environment, "PAGER": f"cat > {note}", "TERM": "xterm"}
    for words, is_paged in [(f"explain {0xA1:032x}", True), ("config path", False), (f"explain {0xA1:032x} --no-pager", False)]:
        note.unlink(missing_ok=True)
        script = f"stty rows 10 cols 80; {binary()} {words}"
        done = subprocess.run(["script", "-qec", script, "/dev/null"], env=environment, cwd=shop.directory, capture_output=True, stdin=subprocess.DEVNULL)
        assert done.returncode == 0, done.stdout
        assert eventually(lambda: note.exists() == is_paged, seconds=5), (words, done.stdout)
        if is_paged:
            assert "Waterfall" in note.read_text()
