"""Makes docs/first-five-minutes.md: real commands in a clean folder, against an application that nobody prepared.

    python e2e/first_minutes.py            prints the page
    python e2e/first_minutes.py --write    writes it

The page of the repository is compared with the real output by test_first_minutes.py, with what differs from one machine
and one moment to the next masked.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from any_python import environment_for, interpreters
from conftest import ROOT, binary

APP = ROOT / "e2e" / "apps" / "first"
PAGE = ROOT / "docs" / "first-five-minutes.md"
WIDTH = 100
ANY_PORT = '[listen]\naddr = "127.0.0.1:0"\notlp_grpc = "127.0.0.1:0"\notlp_http = "127.0.0.1:0"\n'

# What a newcomer does, and why; a text that is a list is a command.
STEPS = [
    "A small shop on Flask and sqlite3, with its tests, in a folder of its own. It has no OpenTelemetry, and gets none:",
    ["ls"],
    "Run its tests, as ever, behind `kino run --`. The output and the exit code are those of pytest; the lines of `kino` "
    "come last.",
    ["kino", "run", "--", "pytest", "-q", "--tb=line", "--show-capture=no"],
    "Where does the time of that request go?",
    ["kino", "explain", "GET /orders"],
    "What was raised, and where?",
    ["kino", "errors", "--limit", "1"],
    "The loop in `app.py` asks for each order's items. One statement does:",
    "FIX",
    ["kino", "run", "--", "pytest", "-q", "--tb=line", "--show-capture=no", "-k", "all_orders"],
    "The engine ran beside all of it. It ends by itself only when it is stopped:",
    ["kino", "stop"],
]
LOOP = re.compile(r"    listed = \[\].*?    return jsonify\(listed\)\n", re.DOTALL)
JOIN = """\
    statement = "select orders.id, count(name) from orders join items on order_id = orders.id group by 1"
    return jsonify([{"id": order, "items": count} for order, count in database.execute(statement)])
"""

# Order matters: the longest digits first.
MASKS = [
    (r"\b[0-9a-f]{32,64}\b", "ID"),
    (r"\b[0-9a-f]{12,16}\b", "ID"),
    (r"\b\d+(\.\d+)? ?(ns|µs|ms|s|m|h)\b", "TIME"),
    (r"<?\b\d+(\.\d+)? %", "N %"),
    (r"process \d+", "process N"),
    (r"[▏▎▍▌▋▊▉█]+", ""),
    (r"in \d+\.\d+s", "in TIME"),
    (r" +", " "),
]


# Variables that change what the commands print; where CI or BUILD_NUMBER is set, pytest cuts no line of its summary.
FOREIGN = ("BUILD_NUMBER", "CI", "KINO_", "OTEL_", "PYTEST", "TRACEPARENT")

# Which operations take the second and third place in a run differs; so does whether a finding is known when it ends.
VARIES = re.compile(r"kino │ (N % TIME|findings )")


def masked(text):
    for pattern, instead in MASKS:
        text = re.sub(pattern, instead, text)
    lines = [line.removeprefix("kino │") for line in text.splitlines() if not VARIES.match(line)]
    # A longer time may move a word to the next line.
    return " ".join(lines).split()


def transcript():
    """The page, as it comes out now."""
    python = environment_for(interpreters("3.12", "3.13", "3.11")[0], "requirements.txt")
    home = Path(tempfile.mkdtemp(prefix="kino-first-", dir="/tmp"))
    home.chmod(0o700)
    try:
        return _transcript(python, home)
    finally:
        subprocess.run([binary(), "stop"], env={**os.environ, "KINO_HOME": str(home / "home")}, capture_output=True)
        shutil.rmtree(home)


def _transcript(python, home):
    shop = home / "shop"
    shutil.copytree(APP, shop)
    (home / "home").mkdir(mode=0o700)
    (home / "home" / "config.toml").write_text(ANY_PORT)
    clean = {key: value for key, value in os.environ.items() if not key.startswith(FOREIGN)}
    environment = {
        **clean, "KINO_HOME": str(home / "home"), "NO_COLOR": "1", "COLUMNS": str(WIDTH), "PYTHONDONTWRITEBYTECODE": "1",
        "PATH": f"{binary().parent}:{Path(python).parent}:{os.environ['PATH']}", "PYTHONWARNINGS": "ignore", "LC_ALL": "C.UTF-8",
        "PYTEST_ADDOPTS": "-p no:cacheprovider -p no:asyncio",
    }  # fmt: skip
    lines = ["# The first five minutes", "", "Made by `python e2e/first_minutes.py --write`; CI compares it with the real output.", ""]
    for step in STEPS:
        if step == "FIX":
            source = (shop / "app.py").read_text()
            (shop / "app.py").write_text(LOOP.sub(lambda _: JOIN, source))
            lines += ["```python", JOIN.rstrip(), "```", ""]
        elif isinstance(step, str):
            lines += [step, ""]
        else:
            done = subprocess.run(
                step, cwd=shop, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120
            )
            words = " ".join(f"'{word}'" if " " in word else word for word in step)
            output = done.stdout.replace(str(shop), "~/shop").rstrip()
            lines += ["```console", f"$ {words}", *([output] if output else []), "```", ""]
    return "\n".join(line.rstrip() for line in "\n".join(lines).splitlines()) + "\n"


if __name__ == "__main__":
    page = transcript()
    if "--write" in sys.argv[1:]:
        PAGE.write_text(page)
    else:
        print(page, end="")
