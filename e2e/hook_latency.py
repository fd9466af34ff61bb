"""How long `kino hook` takes, the start of its process included: the time that an assistant waits.

    python e2e/hook_latency.py --starts 1000
    python e2e/hook_latency.py --starts 200 --stop FOLDER

With `--stop`, the hook at the end of a turn alone: a copy of FOLDER becomes a repository with changed lines, of which a run
has executed some, and each start is a session of its own, so that each has something to say. It starts an engine on a home of its own and calls the binary of `KINO_BIN` (or `KINO_BIN_DIR`, else the debug build).
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from conftest import Engine, binary

EVENT = {
    "session_id": "latency", "cwd": "", "hook_event_name": "PostToolUse", "tool_name": "Bash", "tool_use_id": "toolu_1",
    "tool_input": {"command": "pytest -q && echo done"}, "permission_mode": "bypassPermissions", "duration_ms": 5,
}


def measured(starts, event, environment, text, last=False):
    """The sorted times of so many starts, in milliseconds; with `last`, also what the last answered."""
    command = [str(binary()), "hook", "claude-code", event]
    times = []
    for _ in range(starts):
        begun = time.perf_counter()
        done = subprocess.run(command, input=text, env=environment, capture_output=True)
        times.append((time.perf_counter() - begun) * 1000)
        assert done.returncode == 0 and not done.stderr, done
    return (sorted(times), done.stdout) if last else sorted(times)


def report(name, times):
    at = lambda part: times[min(len(times) - 1, int(len(times) * part))]
    print(f"{name:32} n={len(times)}  median {at(0.5):6.1f} ms  p99 {at(0.99):6.1f} ms  max {times[-1]:6.1f} ms", flush=True)


# Two functions that are not committed, one of them executed.
CHANGED = "\n\ndef executed():\n    return 1\n\n\ndef not_executed():\n    return 2\n"


def repository(folder, copy):
    """A copy of a folder as a repository, in which one file of Python has lines that are not committed; and that file."""
    shutil.copytree(folder, copy, symlinks=True, ignore=shutil.ignore_patterns(".git"))
    git = ["git", "-c", "user.name=e2e", "-c", "user.email=e2e@example.invalid"]
    (copy / "measured.py").write_text("FIRST = 1\n")
    for words in (["init", "-q"], ["add", "-A", "-f"], ["commit", "-q", "-m", "As it is"]):
        subprocess.run([*git, *words], cwd=copy, check=True, capture_output=True)
    (copy / "measured.py").write_text("FIRST = 1\n" + CHANGED)
    return len(subprocess.run(["git", "ls-files"], cwd=copy, check=True, capture_output=True).stdout.splitlines())


def at_stop(starts, folder):
    """Measures the hook at the end of a turn in a copy of a folder."""
    with tempfile.TemporaryDirectory() as place:
        home, copy = Path(place) / "home", Path(place) / "copy"
        home.mkdir(mode=0o700)
        (home / "config.toml").write_text("[hooks]\nstop = true\n")
        files = repository(folder, copy)
        engine = Engine(home)
        try:
            words = [binary(), "run", "--lines", "--", sys.executable, "-c", "import measured; measured.executed()"]
            subprocess.run(words, cwd=copy, env=engine.environment, check=True, capture_output=True)
            times, answered = [], 0
            for number in range(starts):
                event = {"session_id": f"stop-{number}", "cwd": str(copy), "hook_event_name": "Stop", "stop_hook_active": False}
                [time_taken], said = measured(1, "Stop", engine.environment, json.dumps(event).encode(), last=True)
                times.append(time_taken)
                answered += b"measured.py 9" in said
            print(f"{binary()}, load {os.getloadavg()[0]:.1f}, {files} files, {answered} of {starts} answered", flush=True)
            report("engine runs, Stop", sorted(times))
        finally:
            engine.stop()


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--starts", type=int, default=1000)
    arguments.add_argument("--stop", type=Path, metavar="FOLDER")
    arguments = arguments.parse_args()
    starts = arguments.starts
    if arguments.stop:
        return at_stop(starts, arguments.stop)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        home.mkdir(mode=0o700)
        engine = Engine(home)
        event = json.dumps({**EVENT, "cwd": str(engine.directory)}).encode()
        environment = engine.environment
        try:
            print(f"{binary()}, load {os.getloadavg()[0]:.1f}", flush=True)
            report("engine runs, PostToolUse", measured(starts, "PostToolUse", environment, event))
            report("engine runs, PreToolUse", measured(starts, "PreToolUse", environment, event))
        finally:
            engine.stop()
        report("no engine, PostToolUse", measured(starts, "PostToolUse", environment, event))
        report("no engine, unknown event", measured(starts, "Nonsense", environment, event))
        nowhere = {**environment, "KINO_HOME": str(Path(folder) / "absent")}
        report("no home", measured(starts, "PostToolUse", nowhere, event))
        report("input of 5 MiB", measured(max(starts // 10, 1), "PostToolUse", environment, b" " * (5 << 20)))


if __name__ == "__main__":
    main()
