#!/usr/bin/env python3
"""What `kino run` costs: starts, requests a second, and what `--lines` adds to test suites.

    KINO_BIN=target/release/kino python e2e/run_cost.py starts [--times 25]
    KINO_BIN=target/release/kino python e2e/run_cost.py servers [--rounds 3] [--seconds 10]
    KINO_BIN=target/release/kino python e2e/run_cost.py lines [--rounds 3]

Every kind is measured in turns, so that a busy moment of the machine meets all of them; the load is printed. The engine runs,
on a home of its own. `lines` uses two suites of `foreign_suites.py`, in which every line of the package counts as changed.
"""

import argparse
import http.client
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from any_node import PACKAGES, prepare_packages
from any_python import clean_environment
from conftest import E2E, Engine, binary, eventually, free_port
from foreign_suites import SUITE_SECONDS_MAX, SUITES, prepared

APPS = E2E / "apps" / "cost"
PATH = "/carts/7"
CONNECTIONS = 2


def load():
    return f"{binary()}; {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}"


def milliseconds(command, environment, directory):
    begun = time.perf_counter()
    subprocess.run(command, env=environment, cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - begun) * 1000


def git(directory, *words):
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@example.com", *words], cwd=directory, check=True, capture_output=True)


def starts(engine, arguments):
    kino = str(binary())
    (engine.directory / "program.py").write_text("pass\n")
    git(engine.directory, "init", "-q")
    git(engine.directory, "add", ".")
    git(engine.directory, "commit", "-q", "-m", "first")
    (engine.directory / "program.py").write_text("1\n")
    outside = Path(engine.directory).parent / "plain"
    outside.mkdir()
    programs = {"true": ["true"], "python -c pass": [sys.executable, "-c", "pass"], "node -e 0": ["node", "-e", "0"]}
    print(f"{load()}; {arguments.times} starts of each kind, in turns; milliseconds, fastest and median; CPython {sys.version.split()[0]}")
    print("| command | bare | `kino run --no-inject --` | `kino run --` | `kino run --`, no repository |\n|---|---|---|---|---|")
    for name, words in programs.items():
        kinds = [(words, engine.directory), ([kino, "run", "--no-inject", "--", *words], engine.directory), ([kino, "run", "--", *words], engine.directory), ([kino, "run", "--", *words], outside)]
        times = [[] for _ in kinds]
        for _ in range(arguments.times + 1):
            for found, (command, directory) in zip(times, kinds):
                found.append(milliseconds(command, engine.environment, directory))
        # The first of each fills caches.
        shown = [f"{min(found[1:]):.1f}, {statistics.median(found[1:]):.1f}" for found in times]
        print(f"| `{name}` | {' | '.join(shown)} |", flush=True)


def asked(port, seconds):
    """Requests that were answered in so many seconds over a few connections, one after another on each."""
    counts = [0] * CONNECTIONS
    end = time.monotonic() + seconds

    def ask(index):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        while time.monotonic() < end:
            connection.request("GET", PATH)
            answer = connection.getresponse()
            body = answer.read()
            assert answer.status == 200 and b"total" in body, body
            counts[index] += 1
        connection.close()

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts)


def answers(port):
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", PATH)
        return connection.getresponse().read() != b""
    except OSError:
        return False


def rate(command, environment, directory, seconds):
    port = free_port()
    server = subprocess.Popen([*command, str(port)], env=environment, cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    try:
        assert eventually(lambda: answers(port), 60), command
        asked(port, 2)
        return asked(port, seconds) / seconds
    finally:
        server.terminate()
        try:
            server.wait(timeout=10)
        except subprocess.TimeoutExpired:
            # The stock SDK of Node catches SIGTERM, ends itself, and leaves the server running.
            server.kill()
            server.wait(timeout=10)


def servers(engine, arguments):
    prepare_packages()
    shop = engine.directory / "shop"
    shutil.copytree(APPS, shop)
    (shop / "node_modules").symlink_to(PACKAGES / "node_modules")
    stock = {
        **engine.environment, "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{engine.otlp_http}", "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    }  # fmt: skip
    node_stock = {**stock, "NODE_OPTIONS": "--require @opentelemetry/auto-instrumentations-node/register"}
    instrument = str(Path(sys.executable).parent / "opentelemetry-instrument")
    flask, node = [sys.executable, "flask_shop.py"], ["node", "express_shop.js"]
    kino = [str(binary()), "run", "--"]
    kinds = {
        "Flask": [(flask, engine.environment), ([instrument, *flask], stock), ([*kino, *flask], engine.environment)],
        "Express": [(node, engine.environment), (node, node_stock), ([*kino, *node], engine.environment)],
    }
    print(f"{load()}; {arguments.rounds} rounds in turns of {arguments.seconds} s, {CONNECTIONS} connections; requests a second, median (all)")
    print("| application, five statements a request | bare | stock SDK | `kino run` |\n|---|---|---|---|")
    for name, ways in kinds.items():
        rates = [[] for _ in ways]
        for _ in range(arguments.rounds):
            for found, (command, environment) in zip(rates, ways):
                found.append(rate(command, environment, shop, arguments.seconds))
        shown = [f"{statistics.median(found):,.0f} ({', '.join(f'{each:,.0f}' for each in found)})" for found in rates]
        print(f"| {name} | {' | '.join(shown)} |", flush=True)


def lines(engine, arguments):
    print(f"{load()}; {arguments.rounds} rounds in turns; seconds, fastest and median")
    print("| suite | changed lines | bare | `kino run` | `kino run --lines` |\n|---|---|---|---|---|")
    for name, package in {"sqlite-utils": "sqlite_utils", "@fastify/express": "index.js"}.items():
        place = prepared(name)
        suite, source = SUITES[name], engine.directory / name.replace("/", "-")
        shutil.copytree(place / "source", source, symlinks=True, ignore=shutil.ignore_patterns(".git"))
        git(source, "init", "-q")
        (source / ".gitignore").write_text("node_modules\n__pycache__\n.hypothesis\n*.db\n")
        git(source, "add", ".gitignore")
        git(source, "commit", "-q", "-m", "nothing")
        changed = source / package
        git(source, "add", *(str(each.relative_to(source)) for each in source.iterdir() if each != changed and each.name not in (".git", "node_modules")))
        git(source, "commit", "-q", "-m", "all but the package")
        environment = clean_environment(NO_COLOR="1", CI="1", PYTHONDONTWRITEBYTECODE="1", KINO_HOME=engine.environment["KINO_HOME"])
        command = list(suite.command)
        if suite.kind == "pypi":
            command[0] = str(place / "venv" / "bin" / command[0])
            # The package of this folder, and not the installed one.
            environment["PYTHONPATH"] = str(source)
        kino = str(binary())
        ways = [command, [kino, "run", "--", *command], [kino, "run", "--lines", "--", *command]]
        times = [[] for _ in ways]
        for _ in range(arguments.rounds):
            for found, words in zip(times, ways):
                begun = time.perf_counter()
                subprocess.run(words, cwd=source, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, timeout=SUITE_SECONDS_MAX)
                found.append(time.perf_counter() - begun)
        answer = subprocess.run([kino, "explain", "--change", "--json"], cwd=source, env=environment, capture_output=True, check=True)
        answer = json.loads(answer.stdout)
        shown = [f"{min(found):.2f}, {statistics.median(found):.2f}" for found in times]
        print(f"| {name} {suite.version} | {answer['changed']:,}, {answer['executed']:,} executed | {' | '.join(shown)} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["starts", "servers", "lines"])
    parser.add_argument("--times", type=int, default=25)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        engine = Engine(Path(home) / "home")
        try:
            {"starts": starts, "servers": servers, "lines": lines}[arguments.what](engine, arguments)
        finally:
            engine.stop()


if __name__ == "__main__":
    main()
