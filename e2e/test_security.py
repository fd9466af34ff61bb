"""Who can do what: another user of the machine, a port that changed hands, folders and files that others can write."""

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import time

import pytest
from mcp import Client, StdioServerParameters

from conftest import COMMAND_SECONDS_MAX, binary, eventually, otlp, span

# A user that no one is.
STRANGER = 12_345
REFUSED = (PermissionError, FileNotFoundError)

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user or mount a disk")

# What another user tries; prints one JSON object of what came of it.
ATTACK = r'''
import fcntl, json, os, socket, sys, urllib.error, urllib.request
home, http, otlp = sys.argv[1:]
got = {}

def attempt(name, act):
    try:
        got[name] = act()
    except OSError as error:
        got[name] = type(error).__name__

def lock():
    with open(f"{home}/lock") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return "locked"

def ask(address, path, body):
    request = urllib.request.Request(f"http://{address}{path}", data=body, headers={"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return [answer.status, answer.read().decode()]
    except urllib.error.HTTPError as error:
        return [error.code, ""]

def knock():
    with socket.socket(socket.AF_UNIX) as door:
        door.connect(f"{home}/engine.sock")
    return "connected"

attempt("list", lambda: os.listdir(home))
for name in ("engine.json", "meta.sqlite", "redaction.key", "engine.log"):
    attempt(name, lambda: open(f"{home}/{name}", "rb").read().hex())
attempt("plant", lambda: open(f"{home}/config.toml", "w").write("x"))
attempt("lock", lock)
attempt("socket", knock)
for name in ("find", "status", "forget", "stop", "export", "acknowledge_finding", "sql_snapshot"):
    attempt(name, lambda: ask(http, f"/api/v1/{name}", b'{"everything": true}' if name == "forget" else b"{}"))
attempt("mcp", lambda: ask(http, "/mcp", b'{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}'))
attempt("metrics", lambda: ask(http, "/metrics", None))
attempt("health", lambda: ask(http, "/healthz", None))
attempt("otlp", lambda: ask(otlp, "/v1/traces", b"{}"))
print(json.dumps(got))
'''


def as_stranger(*command, **more):
    return subprocess.Popen(command, user=STRANGER, group=STRANGER, extra_groups=[], cwd="/", env={"PATH": os.environ["PATH"]},
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


def interpreter():
    """One that a stranger can execute, which an environment in root's folders may not be."""
    for candidate in (sys.executable, shutil.which("python3", path="/usr/bin:/usr/local/bin")):
        try:
            if candidate and as_stranger(candidate, "-c", "print(1)").communicate()[0].strip() == "1":
                return candidate
        except PermissionError:
            continue
    pytest.skip("no Python that another user may execute")


def open_the_way_to(home):
    """Pytest's folders are private: what is tested is that the home is, too."""
    for folder in home.parents:
        if folder.owner() == "root" and str(folder).startswith("/tmp/"):
            folder.chmod(folder.stat().st_mode | 0o055)


@needs_root
def test_another_user_reads_nothing_and_changes_nothing(own_engine):
    now = time.time_ns()
    own_engine.send(otlp("secret", [span(0xA1, 1, "work", now, now + 1_000)]))
    open_the_way_to(own_engine.home)
    attack = as_stranger(interpreter(), "-c", ATTACK, str(own_engine.home), own_engine.http, own_engine.otlp_http)
    out, err = attack.communicate(timeout=COMMAND_SECONDS_MAX)
    assert out, err
    got = json.loads(out)
    for name in ("list", "engine.json", "meta.sqlite", "redaction.key", "engine.log", "plant", "lock", "socket"):
        assert got[name] == "PermissionError", (name, got[name])
    for name in ("find", "status", "forget", "stop", "export", "acknowledge_finding", "sql_snapshot", "mcp", "metrics"):
        assert got[name] == [401, ""], (name, got[name])
    assert got["health"][0] == 200 and set(json.loads(got["health"][1])) == {"status", "version"}, got["health"]
    assert got["otlp"][0] == 200, "any program of this machine may send"
    assert own_engine.json("find", "--service", "secret", "--all")["items"][0]["span_count"] == 1


def test_the_port_of_a_dead_engine_is_never_asked(own_engine):
    own_engine.kill()
    host, port = own_engine.http.split(":")
    with socket.create_server((host, int(port))) as taken:
        taken.settimeout(0.2)
        # Each would once have asked whoever answers there.
        own_engine.kino("status", check=False)
        own_engine.kino("stop", check=False)
        own_engine.kino("doctor", "--json", check=False)
        own_engine.json("find", "--all")
        with pytest.raises(TimeoutError):
            taken.accept()
    own_engine.kino("stop")


def test_an_engine_of_before_sockets_is_shown_no_token(own_engine):
    """Its file names a process that is alive: this one, which listens there and keeps what it is sent."""
    own_engine.stop()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = "{}:{}".format(*listener.getsockname())
        file = {"version": "0.0.1", "pid": os.getpid(), "http": address, "otlp_grpc": "", "otlp_http": "",
                "started_unix_nanos": 0, "token": "the-token-of-an-earlier-version"}
        (own_engine.home / "engine.json").write_text(json.dumps(file))
        asking = subprocess.Popen([binary(), "status"], env=own_engine.environment, stderr=subprocess.PIPE, text=True)
        health = json.dumps({"status": "ok", "version": "0.0.1", "pid": os.getpid(), "listeners": {"http": address, "otlp_grpc": "", "otlp_http": ""}})
        listener.settimeout(COMMAND_SECONDS_MAX)
        connection, _ = listener.accept()
        with connection:
            received = connection.recv(65_536).decode()
            connection.sendall(f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(health)}\r\nconnection: close\r\n\r\n{health}".encode())
        said = asking.communicate(timeout=COMMAND_SECONDS_MAX)[1]
    assert received.startswith("GET /healthz") and "the-token" not in received and "uthorization" not in received, received
    assert asking.returncode == 4 and "0.0.1" in said and "kino stop" in said, said
    (own_engine.home / "engine.json").unlink()


def test_a_home_of_an_earlier_version_becomes_private_and_one_with_other_files_is_left(own_engine):
    own_engine.stop()
    # As an earlier version made it: open, with files that are open too.
    (own_engine.home / "meta.sqlite").chmod(0o644)
    own_engine.home.chmod(0o755)
    started = own_engine.kino("find", "--all")
    assert b"private now (0700)" in started.stderr, started.stderr
    assert own_engine.home.stat().st_mode & 0o777 == 0o700
    own_engine.kino("stop")

    (own_engine.home / "thesis.txt").write_text("mine")
    own_engine.home.chmod(0o755)
    own_engine.kino("find", "--all")
    assert own_engine.home.stat().st_mode & 0o777 == 0o755
    assert (own_engine.home / "thesis.txt").stat().st_mode & 0o077
    open_to_others = [path.name for path in own_engine.home.iterdir() if path.stat().st_mode & 0o077]
    assert open_to_others == ["thesis.txt"]
    own_engine.kino("stop")

    own_engine.home.chmod(0o777)
    refused = own_engine.kino("find", "--all", check=False)
    assert refused.returncode == 4 and b"KINO_HOME" in refused.stderr, refused.stderr
    assert own_engine.home.stat().st_mode & 0o777 == 0o777


def test_what_the_engine_writes_is_private_wherever_the_lake_is(own_engine, tmp_path):
    own_engine.stop()
    lake = tmp_path / "lake"
    lake.mkdir()
    (own_engine.home / "config.toml").write_text(f"lake = {json.dumps(str(lake))}\n")
    own_engine.start()
    now = time.time_ns()
    own_engine.send(otlp("lake", [span(0xA2, 1, "work", now, now + 1_000)]))
    assert own_engine.json("lake", "files", "--flush")["files"]
    written = [path for folder in (lake, own_engine.home) for path in folder.rglob("*") if path.name != "config.toml"]
    assert len(written) > 5 and not [path for path in written if path.lstat().st_mode & 0o077], written


def test_a_configuration_that_others_can_write_is_not_obeyed(own_engine):
    config = own_engine.home / "config.toml"
    config.write_text('[verify]\nallow = [["true"]]\n')
    config.chmod(0o666)
    refused = own_engine.kino("find", "--all", check=False)
    assert refused.returncode == 2 and b"go-w" in refused.stderr, refused.stderr
    config.chmod(0o600)
    own_engine.kino("find", "--all")
    if os.geteuid() == 0:
        os.chown(config, STRANGER, STRANGER)
        refused = own_engine.kino("find", "--all", check=False)
        assert refused.returncode == 2 and str(STRANGER).encode() in refused.stderr, refused.stderr


def test_keys_are_made_listed_and_revoked_and_count_at_once(own_engine):
    made = own_engine.json("key", "new", "prometheus")
    assert made["schema"] == "kino.key.v1" and made["scopes"] == ["read"], made

    def metrics():
        return own_engine.request(own_engine.http, "/metrics", None, own_engine.bearer(made["key"]))[0]

    assert metrics() == 200
    assert own_engine.request(own_engine.http, "/api/v1/stop", b"{}", own_engine.bearer(made["key"]))[0] == 401
    listed = own_engine.json("key", "list")["keys"]
    assert [key["name"] for key in listed] == ["prometheus"] and made["key"] not in json.dumps(listed)
    own_engine.kino("key", "revoke", "prometheus")
    assert metrics() == 401
    assert own_engine.kino("key", "revoke", "prometheus", check=False).returncode == 3
    assert own_engine.kino("key", "new", "a b", check=False).returncode == 2


def test_a_restart_of_the_engine_does_not_end_a_session_over_mcp(own_engine):
    server = StdioServerParameters(command=str(binary()), args=["mcp"], env=own_engine.environment, cwd=str(own_engine.directory))

    async def session():
        async with asyncio.timeout(COMMAND_SECONDS_MAX), Client(server) as client:
            before = await client.call_tool("find_traces", {"all": True})
            token, address = own_engine.token(), own_engine.http
            own_engine.kill()
            own_engine.start()
            assert (own_engine.token(), own_engine.http) != (token, address)
            return before, await client.call_tool("find_traces", {"all": True})

    before, after = asyncio.run(session())
    assert not before.is_error and not after.is_error, (before, after)


def test_over_mcp_a_key_to_read_executes_nothing(own_engine):
    """What `[verify] allow` permits is for the user's own client, and for keys that may do everything."""
    own_engine.stop()
    (own_engine.home / "config.toml").write_text('[verify]\nallow = [["true"]]\n')
    own_engine.start()
    key = own_engine.json("key", "new", "reader")["key"]

    async def session():
        async with asyncio.timeout(COMMAND_SECONDS_MAX), Client(own_engine.mcp_over_http(key)) as client:
            return await client.call_tool("verify_change", {"command": ["true"], "against": "HEAD"})

    answer = "".join(block.text for block in asyncio.run(session()).content)
    assert "cannot execute" in answer, answer
    assert own_engine.request(own_engine.http, "/mcp", b"{}", {"content-type": "application/json"})[0] == 401


@pytest.fixture
def disk(tmp_path):
    """A small disk of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=0700", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def command(own_engine, home):
    environment = {**own_engine.environment, "KINO_HOME": str(home)}

    def kino(*arguments):
        return subprocess.run([binary(), *arguments], env=environment, cwd="/", capture_output=True, timeout=COMMAND_SECONDS_MAX, text=True)

    return kino


def filled(own_engine, disk):
    """A home on the disk, with a trace in it and no engine."""
    home = disk / "home"
    home.mkdir(mode=0o700)
    (home / "config.toml").write_text('[listen]\naddr = "127.0.0.1:0"\notlp_grpc = "127.0.0.1:0"\notlp_http = "127.0.0.1:0"\n[limits]\ndisk_reserve_bytes = 0\n')
    now = time.time_ns()
    trace = disk / "trace.json"
    trace.write_text(json.dumps(otlp("disk", [span(0xA3, 1, "work", now, now + 1_000)])))
    kino = command(own_engine, home)
    imported = kino("import", str(trace))
    assert imported.returncode == 0, imported.stderr
    assert kino("stop").returncode == 0
    return home, kino


@needs_root
def test_on_a_read_only_home_an_engine_starts_and_answers(own_engine, disk):
    _, kino = filled(own_engine, disk)
    # A process that has just ended may still be closing its files.
    assert eventually(lambda: subprocess.run(["mount", "-o", "remount,ro", disk], capture_output=True).returncode == 0)
    found = kino("find", "--all", "--json")
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout)["items"][0]["root_name"] == "work"
    status = kino("status", "--json")
    assert status.returncode == 0 and json.loads(status.stdout)["read_only"], status
    assert kino("stop").returncode == 0
    assert kino("status").returncode == 4


@needs_root
def test_on_a_full_disk_an_engine_starts_and_answers(own_engine, disk):
    home, kino = filled(own_engine, disk)
    with (disk / "filler").open("wb") as filler:
        with pytest.raises(OSError):
            while True:
                filler.write(b"x" * 65_536)
                filler.flush()
    assert shutil.disk_usage(disk).free < 4_096
    found = kino("find", "--all", "--json")
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout)["items"][0]["root_name"] == "work"
    status = kino("status", "--json")
    assert status.returncode == 0, status.stderr
    assert kino("stop").returncode == 0
    (disk / "filler").unlink()
    assert eventually(lambda: kino("find", "--all", "--json").returncode == 0)
    assert (home / "engine.json").exists()
    assert kino("stop").returncode == 0
