"""How long `kino hook` takes, the start of its process included: the time that an assistant waits.

    python e2e/hook_latency.py --starts 1000

It starts an engine on a home of its own and calls the binary of `KINO_BIN` (or `KINO_BIN_DIR`, else the debug build).
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

from conftest import Engine, binary

EVENT = {
    "session_id": "latency", "cwd": "", "hook_event_name": "PostToolUse", "tool_name": "Bash", "tool_use_id": "toolu_1",
    "tool_input": {"command": "pytest -q && echo done"}, "permission_mode": "bypassPermissions", "duration_ms": 5,
}


def measured(starts, event, environment, text):
    """The sorted times of so many starts, in milliseconds."""
    command = [str(binary()), "hook", "claude-code", event]
    times = []
    for _ in range(starts):
        begun = time.perf_counter()
        done = subprocess.run(command, input=text, env=environment, capture_output=True)
        times.append((time.perf_counter() - begun) * 1000)
        assert done.returncode == 0 and not done.stderr, done
    return sorted(times)


def report(name, times):
    at = lambda part: times[min(len(times) - 1, int(len(times) * part))]
    print(f"{name:32} n={len(times)}  median {at(0.5):6.1f} ms  p99 {at(0.99):6.1f} ms  max {times[-1]:6.1f} ms", flush=True)


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--starts", type=int, default=1000)
    starts = arguments.parse_args().starts
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
