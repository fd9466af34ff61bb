"""`kino init`: assistants' real files, parsed back by parsers that are not ours, and by the assistants themselves."""

import hashlib
import json
import os
import pty
import shutil
import subprocess
import time
import tomllib

import json5
import pytest

from conftest import binary

AGENTS = ["claude-code", "codex", "gemini-cli", "antigravity", "cursor", "vscode", "copilot-cli", "opencode"]
# The file of MCP servers, and the way to the entry in it.
SERVERS = {
    "claude-code": (".claude.json", ["mcpServers", "kino"]),
    "codex": (".codex/config.toml", ["mcp_servers", "kino"]),
    "gemini-cli": (".gemini/settings.json", ["mcpServers", "kino"]),
    "antigravity": (".gemini/config/mcp_config.json", ["mcpServers", "kino"]),
    "cursor": (".cursor/mcp.json", ["mcpServers", "kino"]),
    "vscode": (".config/Code/User/mcp.json", ["servers", "kino"]),
    "copilot-cli": (".copilot/mcp-config.json", ["mcpServers", "kino"]),
    "opencode": (".config/opencode/opencode.json", ["mcp", "kino"]),
}
VARIABLES = ["CLAUDE_CONFIG_DIR", "CODEX_HOME", "GEMINI_CLI_HOME", "COPILOT_HOME", "XDG_CONFIG_HOME"]


class Place:
    """A user's home of its own, and `kino` on its PATH."""

    def __init__(self, folder):
        # Folders above that anybody may write, but for sticky ones, would be refused.
        self.user, self.home, bin_folder = folder / "user", folder / "kino-home", folder / "bin"
        for made in (self.user, bin_folder):
            made.mkdir(mode=0o755)
        (bin_folder / "kino").symlink_to(binary().resolve())
        clean = {key: value for key, value in os.environ.items() if not key.startswith("KINO_") and key not in VARIABLES}
        self.environment = {**clean, "HOME": str(self.user), "KINO_HOME": str(self.home), "NO_COLOR": "1",
                            "PATH": f"{bin_folder}:/usr/bin:/bin"}

    def run(self, *arguments, cwd=None, **environment):
        return subprocess.run([binary().resolve(), *arguments], env={**self.environment, **environment},
                              cwd=cwd or self.user, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)

    def init(self, *arguments, code=0, cwd=None, **environment):
        done = self.run("init", "--json", *arguments, cwd=cwd, **environment)
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return json.loads(done.stdout) if done.stdout else done.stderr

    def file(self, agent):
        return self.user / SERVERS[agent][0]

    def put(self, agent, data):
        path = self.file(agent)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def snapshot(folder):
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
            for path in sorted(folder.rglob("*"))}


def parsed(path):
    text = path.read_bytes().decode("utf-8-sig")
    return tomllib.loads(text.replace("\r\n", "\n")) if path.suffix == ".toml" else json5.loads(text)


def entry(agent, path):
    value = parsed(path)
    for name in SERVERS[agent][1]:
        value = value[name]
    return value


def without(agent, path):
    value = parsed(path)
    parent, name = SERVERS[agent][1]
    value.get(parent, {}).pop(name)
    if not value[parent]:
        value.pop(parent)
    return value


def texts(agent):
    """Files as people and assistants have them: their name, their bytes, and whether strict JSON."""
    parent = SERVERS[agent][1][0]
    if agent == "codex":
        other = f'model = "gpt"  # mine\n\n[{parent}.other]\ncommand = "npx"\nargs = ["-y", "other"]\n\n[profiles.a]\nx = 1\n'
        yield "empty", b""
        yield "existing", other.encode()
        yield "without a last line end", other.rstrip().encode()
        yield "CRLF", other.replace("\n", "\r\n").encode()
        yield "tabs", other.replace("x = 1", "\tx\t=\t1").encode()
        yield "multi-line", b'a = """\n[mcp_servers.kino]\n"""\n'
        return
    strict = {"z": 1, parent: {"other": {"command": "npx", "args": ["-y", "other"]}}, "a": {"nested": [1, {"b": None}]}}
    commented = (f'// mine\n{{\n  "z": 1, /* why */\n  // servers\n  "{parent}": {{\n    "other": {{ "command": "npx" }}, // last\n'
                 f'  }},\n  "unknown": {{}},\n}}\n')
    yield "empty", b""
    yield "an empty object", b"{}"
    yield "no servers", b'{\n    "theme": "dark"\n}\n'
    yield "no servers yet", f'{{\n  "{parent}": {{}}\n}}\n'.encode()
    yield "existing", (json.dumps(strict, indent=2) + "\n").encode()
    yield "on one line", json.dumps(strict).encode()
    yield "four blanks", json.dumps(strict, indent=4).encode()
    yield "tabs", json.dumps(strict, indent="\t").encode()
    yield "CRLF", (json.dumps(strict, indent=2) + "\n").replace("\n", "\r\n").encode()
    yield "a byte order mark", b"\xef\xbb\xbf" + json.dumps(strict, indent=2).encode()
    yield "commented", commented.encode()
    yield "commented CRLF", commented.replace("\n", "\r\n").encode()


@pytest.mark.parametrize("agent", AGENTS)
def test_every_kind_of_file_keeps_what_it_has_and_is_restored_to_the_byte(place, agent):
    for name, before in texts(agent):
        path = place.put(agent, before)
        values = parsed(path) if before.strip() else {}
        answer = place.init(agent, "--yes")
        assert "written" in [change["state"] for change in answer["changes"]], (name, answer)
        after = path.read_bytes()
        assert "mcp" in json.dumps(entry(agent, path)), name
        parent = SERVERS[agent][1][0]
        # An empty list of servers is left out of the comparison, as `without` leaves it out.
        values = {key: value for key, value in values.items() if key != parent or value}
        # Gemini's hooks are in the same file, and so are Codex's variables.
        left = {key: value for key, value in without(agent, path).items() if key not in ("hooks", "shell_environment_policy")}
        assert left == values and list(left) == list(values), name
        line_ends = after.count(b"\n"), after.count(b"\r\n")
        assert line_ends[0] == line_ends[1] if b"\r\n" in before else line_ends[1] == 0, name
        assert after.startswith(b"\xef\xbb\xbf") == before.startswith(b"\xef\xbb\xbf")
        again = place.init(agent, "--yes")
        assert {change["state"] for change in again["changes"]} == {"unchanged"}, (name, again)
        assert path.read_bytes() == after
        undone = place.init(agent, "--undo")
        assert {change["state"] for change in undone["changes"]} == {"restored"}, (name, undone)
        assert path.read_bytes() == before, name


def test_comments_lines_and_order_stay(place):
    before = b'// mine\r\n{\r\n\t"z": 1, /* why */\r\n\t"mcpServers": {\r\n\t\t"a": {"command": "x"} // last\r\n\t}\r\n}\r\n'
    path = place.put("cursor", before)
    place.init("cursor", "--yes")
    lines, after = before.split(b"\r\n"), path.read_bytes().split(b"\r\n")
    added = [line for line in after if line not in lines]
    # The one line that changes takes a comma.
    assert added[0] == b'\t\t"a": {"command": "x"}, // last'
    assert [line for line in after if line in lines] == [line for line in lines if b"// last" not in line]


@pytest.mark.parametrize("agent", AGENTS)
def test_what_was_not_there_is_gone_after_undo(place, agent):
    before = snapshot(place.user)
    place.init(agent, "--yes")
    assert entry(agent, place.file(agent))
    assert place.init(agent, "--check")["agents"][0]["configured"]
    place.init(agent, "--undo")
    assert snapshot(place.user) == before
    assert place.init("--undo")["changes"] == []


@pytest.mark.parametrize("agent", AGENTS)
def test_what_was_edited_since_loses_kinescopes_entries_alone(place, agent):
    before = b'[a]\nx = 1\n' if agent == "codex" else b'{\n  "a": {\n    "x": 1\n  }\n}\n'
    path = place.put(agent, before)
    place.init(agent, "--yes")
    path.write_bytes(path.read_bytes().replace(b'1', b'2'))
    undone = place.init(agent, "--undo")["changes"]
    assert [change["state"] for change in undone if change["path"] == str(path)] == ["entries_removed"]
    assert path.read_bytes() == before.replace(b"1", b"2")


@pytest.mark.parametrize("agent", AGENTS)
def test_a_malformed_file_is_refused_with_its_line_and_stays(place, agent):
    before = b"a = 1\nb = \n" if agent == "codex" else b'{\n  "a": 1\n  "b": 2\n}\n'
    line = "line 2" if agent == "codex" else "line 3"
    path = place.put(agent, before)
    answer = place.init(agent, "--yes", code=1)
    refused = [change for change in answer["changes"] if change["state"] == "refused"]
    assert line in refused[0]["message"] and path.read_bytes() == before
    checked = place.init(agent, "--check")["agents"][0]
    assert not checked["configured"] and any(line in problem for problem in checked["problems"])


def test_a_link_is_followed_to_its_file_and_stays_a_link(place):
    real = place.user / "dotfiles" / "mcp.json"
    real.parent.mkdir()
    real.write_text("{}\n")
    real.chmod(0o640)
    link = place.file("cursor")
    link.parent.mkdir()
    link.symlink_to(real)
    place.init("cursor", "--yes")
    assert link.is_symlink() and "kino" in json.loads(real.read_text())["mcpServers"] and real.stat().st_mode & 0o777 == 0o640
    place.init("cursor", "--undo")
    assert link.is_symlink() and real.read_text() == "{}\n"


def refused(place, agent="cursor"):
    answer = place.init(agent, "--yes", code=1)
    change = next(change for change in answer["changes"] if change["what"] == "mcp")
    assert change["state"] == "refused"
    return change["message"]


def test_what_is_no_file_of_the_users_alone_is_refused(place):
    path = place.file("cursor")
    path.parent.mkdir()
    path.symlink_to(place.user / "nowhere")
    assert "not there" in refused(place)
    path.unlink()
    path.symlink_to(path)
    assert "cannot be followed" in refused(place)
    path.unlink()
    os.mkfifo(path)
    assert "not a regular file" in refused(place)
    path.unlink()
    path.mkdir()
    assert "folder" in refused(place)
    path.rmdir()
    path.write_text("{}")
    path.chmod(0o666)
    assert "others may write it" in refused(place)
    path.chmod(0o400)
    assert "read-only" in refused(place)
    path.chmod(0o600)
    path.parent.chmod(0o777)
    assert "others may write into" in refused(place)
    path.parent.chmod(0o1777)
    assert "others may write into" in refused(place)
    path.parent.chmod(0o755)
    path.write_bytes(b"{" + b" " * (50 << 20) + b"}")
    assert "more than" in refused(place)
    path.write_bytes(b'{"a": "\xff"}')
    assert "UTF-8" in refused(place)
    path.unlink()
    path.write_text("{}")
    os.link(path, place.user / "second")
    assert "second name" in refused(place)
    if os.geteuid() == 0:
        (place.user / "second").unlink()
        os.chown(path, 12345, 12345)
        assert "12345" in refused(place)


def test_an_entry_of_that_name_that_runs_something_else_is_left(place):
    before = b'{"mcpServers": {"kino": {"command": "cinema"}}}'
    path = place.put("cursor", before)
    assert "runs something else" in refused(place)
    place.init("cursor", "--undo")
    assert path.read_bytes() == before


def test_without_a_terminal_the_diff_is_shown_and_nothing_written(place):
    done = place.run("init", "cursor")
    assert done.returncode == 2 and "--yes" in done.stdout, done
    assert '+    "kino": {' in done.stdout and "+++ " in done.stdout
    assert snapshot(place.user) == {}


def test_nothing_found_is_said_and_a_wrong_name_gets_a_suggestion(place):
    done = place.run("init")
    assert done.returncode == 3 and "claude-code" in done.stderr
    done = place.run("init", "cluade")
    assert done.returncode == 2 and "did you mean claude-code" in done.stderr


def repository(place):
    root = place.user / "repository"
    (root / ".git").mkdir(parents=True)
    (root / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    return root


def test_a_repositorys_files_are_written_with_project_and_taken_back(place):
    root = repository(place)
    before = snapshot(root)
    place.init("--project", "--yes", *AGENTS, cwd=root)
    assert json.loads((root / ".mcp.json").read_text())["mcpServers"]["kino"]["command"] == "kino"
    assert json.loads((root / ".vscode/mcp.json").read_text())["servers"]["kino"]["type"] == "stdio"
    assert tomllib.loads((root / ".codex/config.toml").read_text())["mcp_servers"]["kino"]["args"] == ["mcp"]
    block = (root / "AGENTS.md").read_text()
    assert len(block.splitlines()) <= 12 and block.count("kinescope:start") == 1
    # The user's own files are none of it.
    assert place.init("--undo", cwd=root)["changes"] == []
    place.init("--project", "--undo", cwd=root)
    assert snapshot(root) == before
    assert place.init("--project", "--yes", "codex", code=2)


def test_a_repositorys_links_that_lead_outside_are_refused(place):
    root = repository(place)
    outside = place.user / "outside"
    outside.mkdir()
    (outside / "mcp.json").write_text("{}")
    (root / ".cursor").symlink_to(outside)
    (root / "AGENTS.md").symlink_to(outside / "mcp.json")
    answer = place.init("--project", "cursor", "--yes", cwd=root, code=1)
    states = {change["what"]: change for change in answer["changes"]}
    assert "out of the repository" in states["mcp"]["message"] and "out of the repository" in states["instructions"]["message"]
    assert snapshot(outside) == {"mcp.json": b"{}"}


def test_two_names_of_one_file_of_instructions_are_written_once(place):
    root = repository(place)
    (root / "AGENTS.md").write_text("# Rules\n")
    (root / "CLAUDE.md").symlink_to("AGENTS.md")
    place.init("--project", "claude-code", "codex", "--yes", cwd=root)
    assert (root / "CLAUDE.md").is_symlink() and (root / "AGENTS.md").read_text().count("kinescope:start") == 1
    place.init("--project", "--undo", cwd=root)
    assert snapshot(root)["AGENTS.md"] == b"# Rules\n" and (root / "CLAUDE.md").is_symlink()


def test_each_change_is_asked_for_on_a_terminal(place):
    controller, terminal = pty.openpty()
    process = subprocess.Popen([binary(), "init", "cursor"], env=place.environment, cwd=place.user,
                               stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True)
    os.close(terminal)
    # The MCP server is agreed to, all else is not.
    shown, answers = b"", [b"y\n"]
    while True:
        try:
            shown += os.read(controller, 4096)
        except OSError:  # the terminal is closed
            break
        if shown.rstrip().endswith(b"[y/N]"):
            os.write(controller, answers.pop() if answers else b"\n")
            shown += b"(answered)"
    assert process.wait(timeout=60) == 0, shown
    os.close(controller)
    assert b"Write the MCP server for Cursor?" in shown and b"not written" in shown, shown
    assert list(snapshot(place.user)) == [".cursor", ".cursor/mcp.json"]


def test_a_client_that_asks_for_tools_counts_as_heard(place):
    place.put("cursor", b"{}")
    client = {"name": "cursor-vscode", "version": "1"}
    messages = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize",
         "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client}},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
    ]
    before = time.time_ns()
    server = subprocess.Popen([binary(), "mcp"], env=place.environment, cwd=place.user, text=True,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    for message in messages:
        server.stdin.write(json.dumps(message) + "\n")
        server.stdin.flush()
        if "id" in message:
            assert json.loads(server.stdout.readline())["id"] == message["id"]
    server.stdin.close()
    server.wait(timeout=60)
    place.run("stop")
    state = place.init("cursor", "--check")["agents"][0]
    assert state["last_heard_through"] == "mcp" and before - 10**9 < state["last_heard_unix_nanos"] < time.time_ns()


def test_hostile_names_are_shown_harmless(place):
    root = place.user / "a\x1b[31mb\u202e"
    (root / ".git").mkdir(parents=True)
    done = place.run("init", "--project", "cursor", cwd=root)
    assert done.returncode == 2 and "\x1b" not in done.stdout + done.stderr and "\u202e" not in done.stdout


def test_without_a_home_it_says_what_to_set(place):
    environment = {key: value for key, value in place.environment.items() if key != "HOME"}
    done = subprocess.run([binary(), "init", "cursor", "--yes"], env=environment, cwd=place.user, capture_output=True, text=True)
    assert done.returncode == 2 and "HOME" in done.stderr
    place.home.write_text("a file")
    done = place.run("init", "cursor", "--yes")
    assert done.returncode == 4 and snapshot(place.user) == {}, done


def test_two_at_once_and_kills_leave_whole_files_that_undo_restores(place):
    before = {agent: place.put(agent, data).read_bytes() for agent in AGENTS
              for name, data in texts(agent) if name == "existing"}
    command = [binary(), "init", "--yes", *AGENTS]
    pair = [subprocess.Popen(command, env=place.environment, cwd=place.user, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert {process.wait(timeout=120) for process in pair} <= {0, 1, 75}
    assert all(entry(agent, place.file(agent)) for agent in AGENTS)
    place.init("--undo")
    for delay in range(0, 40, 2):
        process = subprocess.Popen(command, env=place.environment, cwd=place.user, stdout=subprocess.DEVNULL)
        time.sleep(delay / 1000)
        process.kill()
        process.wait(timeout=120)
        for agent in AGENTS:
            parsed(place.file(agent))
        place.init("--undo")
        assert {agent: place.file(agent).read_bytes() for agent in AGENTS} == before, delay


def test_check_says_what_is_found_and_last_heard_from(place):
    place.put("cursor", b"{}")
    states = {state["agent"]: state for state in place.init("--check")["agents"]}
    assert states["cursor"]["found"] and not states["cursor"]["configured"] and not states["codex"]["found"]
    place.init("cursor", "--yes")
    state = place.init("cursor", "--check")["agents"][0]
    assert state["configured"] and "last_heard_unix_nanos" not in state and state["problems"] == []
    path = place.file("cursor")
    path.write_text(path.read_text().replace('"kino",', '"/gone/kino",'))
    assert "not there" in place.init("cursor", "--check")["agents"][0]["problems"][0]


def test_codex_is_offered_variables_and_the_users_own_are_left(place):
    place.init("codex", "--yes")
    settings = place.file("codex")
    values = parsed(settings)["shell_environment_policy"]["set"]
    assert set(values) == {"KINO_CHANNEL", "PYTHONPATH", "KINO_OTLP"} and values["KINO_OTLP"] == "http://127.0.0.1:4318"
    assert os.path.isfile(os.path.join(values["PYTHONPATH"], "sitecustomize.py")), "what they name is there"
    parts = lambda: {part["what"]: part["is_there"] for part in place.init("codex", "--check")["agents"][0]["parts"]}
    assert parts()["environment"]
    # Another address: the old value is replaced, and nothing else.
    (place.home / "config.toml").write_text('[listen]\notlp_http = "127.0.0.1:5318"\n')
    (place.home / "config.toml").chmod(0o600)
    assert not parts()["environment"]
    before = settings.read_text()
    place.init("codex", "--yes")
    assert settings.read_text() == before.replace(":4318", ":5318")
    place.init("codex", "--undo")
    assert not settings.exists()
    own = b'[shell_environment_policy]\ninherit = "core"\n\n[shell_environment_policy.set]\nA = "b"\n'
    place.put("codex", own)
    answer = place.init("codex", "--yes", code=1)
    [refused] = [change for change in answer["changes"] if change["what"] == "environment"]
    assert refused["state"] == "refused" and "variables of yours" in refused["message"]
    assert settings.read_bytes().startswith(own) and "KINO_CHANNEL" not in settings.read_text()
    place.init("codex", "--undo")
    assert settings.read_bytes() == own
    answer = place.init("codex", "--yes", PYTHONPATH="/mine")
    assert "environment" not in [change["what"] for change in answer["changes"]] and any("PYTHONPATH" in note for note in answer["notes"])
    place.init("codex", "--undo")
    answer = place.init("--project", "codex", "--yes", cwd=repository(place))
    assert "environment" not in [change["what"] for change in answer["changes"]], "a repository names no file of this machine"


STOPS = {"claude-code": (".claude/settings.json", "Stop"), "codex": (".codex/hooks.json", "Stop"), "gemini-cli": (".gemini/settings.json", "AfterAgent")}


@pytest.mark.parametrize("agent", AGENTS)
def test_the_hook_at_the_end_of_a_turn_is_written_when_asked_and_taken_back(place, agent):
    before = snapshot(place.user)
    place.init(agent, "--yes")
    hooks = lambda: json.dumps([parsed(path).get("hooks") for path in place.user.rglob("*.json")])
    assert all(event not in hooks() for event in ["Stop", "AfterAgent", "stop", "agentStop"])
    answer = place.init(agent, "--stop", "--yes")
    if agent not in STOPS:
        assert {change["state"] for change in answer["changes"]} == {"unchanged"}
        return
    file, event = STOPS[agent]
    [entry] = parsed(place.user / file)["hooks"][event]
    assert entry["hooks"][0]["command"].endswith(f"kino hook {agent} {event}")
    assert any("stop = true" in note for note in answer["notes"])
    assert place.init(agent, "--check")["agents"][0]["problems"] == []
    place.init(agent, "--undo")
    assert snapshot(place.user) == before


def test_the_configuration_asks_for_the_hook_at_the_end_of_a_turn_too(place):
    place.init("codex", "--yes")
    (place.home / "config.toml").write_text("[hooks]\nstop = true\n")
    (place.home / "config.toml").chmod(0o600)
    [problem] = place.init("codex", "--check")["agents"][0]["problems"]
    assert "kino init codex" in problem
    answer = place.init("codex", "--yes")
    assert "Stop" in parsed(place.user / ".codex/hooks.json")["hooks"] and not any("stop = true" in note for note in answer["notes"])
    assert place.init("codex", "--check")["agents"][0]["problems"] == []


@pytest.mark.parametrize(("agent", "event"), [("claude-code", "Stop"), ("gemini-cli", "AfterTool"), ("opencode", "tool.execute.after")])
def test_a_hook_that_is_called_counts_as_heard(place, agent, event):
    place.init(agent, "--yes")
    before = time.time_ns()
    done = subprocess.run([binary(), "hook", agent, event], env=place.environment, cwd=place.user, capture_output=True,
                          input=b'{"session_id": "s", "cwd": "/"}', timeout=60)
    assert (done.returncode, done.stdout) == (0, b"")
    state = place.init(agent, "--check")["agents"][0]
    assert state["last_heard_through"] == "hook" and before - 10**9 < state["last_heard_unix_nanos"] < time.time_ns()
    shown = place.run("init", "--check", agent).stdout
    assert "last heard" in shown and "(hook)" in shown


def test_a_record_that_was_changed_names_no_file_elsewhere(place):
    path = place.put("cursor", b"{}\n")
    place.init("cursor", "--yes")
    record = place.home / "assistants" / "record.json"
    stored = json.loads(record.read_text())
    secret = place.user / "secret"
    secret.write_text("secret")
    for file in stored["files"]:
        if file["path"] == str(path):
            file["backup"], file["before"] = "../../user/secret", hashlib.sha256(b"secret").hexdigest()
    record.write_text(json.dumps(stored))
    place.init("cursor", "--undo")
    assert path.read_text() in ("{}\n", "{\n}\n")


# What assistants' own command lines list, without an account. Their packages have hundreds of megabytes, so that a folder
# that has them is named: npm install --prefix FOLDER @anthropic-ai/claude-code @openai/codex @google/gemini-cli
# @github/copilot opencode-ai; KINO_E2E_ASSISTANTS=FOLDER/node_modules/.bin
LISTS = {
    "claude-code": ["claude", "mcp", "list"],
    "codex": ["codex", "mcp", "list"],
    "gemini-cli": ["gemini", "mcp", "list"],
    "copilot-cli": ["copilot", "mcp", "list"],
    "opencode": ["opencode", "mcp", "list"],
}


@pytest.mark.parametrize("agent", LISTS)
def test_the_assistants_own_list_shows_kino(place, agent):
    folder = os.environ.get("KINO_E2E_ASSISTANTS")
    program = shutil.which(LISTS[agent][0], path=folder) if folder else None
    if program is None:
        pytest.skip("KINO_E2E_ASSISTANTS names no folder that has it")
    place.environment["PATH"] = f"{folder}:{os.path.dirname(shutil.which('node'))}:{place.environment['PATH']}"
    work = place.user / "work"
    work.mkdir()

    def listed():
        done = subprocess.run([program, *LISTS[agent][1:]], env=place.environment, cwd=work, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=180)
        return done.stdout + done.stderr

    assert "kino mcp" not in listed()
    place.init(agent, "--yes")
    shown = listed()
    place.run("stop")
    assert "kino" in shown.replace(str(place.home), ""), shown
