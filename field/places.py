"""How often a place in the code that is found by searching is the true one.

    python3 field/places.py --kino target/release/kino [--work FOLDER] [--only NAME] [--detail]

Programs that others wrote run under `kino run`, which records where each request was handled and each statement was made. Then each
distinct route and statement (numbers aside) is sent again by itself, without its place, to an engine with an empty home; the engine is asked about it
with the program's folder as the worktree, and what it found is compared with what was recorded.

A place is right where it is within 15 lines of the recorded one in the same file; or where the recorded line calls what the found line
defines (a constant with the statement), or the found line names what was recorded (a table of routes with the handler's name).
"""

import argparse
import collections
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

NEAR_LINES = 15
# Parts of a function's name that say nothing of which it is.
COMMON = {"get", "post", "put", "patch", "delete", "head", "options", "dispatch", "handler", "<locals>", "decorator"}
STEPS = ["exact", "likely", "several", "silent"]

# What is run: packages of a source distribution, what it needs, and lines for a shell in its folder.
PYTHON = {
    "flask-tutorial": ("flask==3.1.2", ["flask==3.1.2", "pytest"], "examples/tutorial", ["python -m pytest -q"]),
    "diskcache": ("diskcache==5.6.3", ["pytest"], "", ["timeout 120 python -m pytest -q -o addopts= tests/test_core.py tests/test_deque.py"]),
    "fastapi-examples": (
        "fastapi==0.115.6",
        ["fastapi==0.115.6", "pytest", "httpx<0.28", "dirty-equals", "python-multipart", "email-validator", "pyjwt", "orjson", "ujson",
         "jinja2", "pydantic-settings", "passlib[bcrypt]", "itsdangerous", "pyyaml", "inline-snapshot", "sqlmodel", "flask", "anyio[trio]",
         "python-jose[cryptography]", "aiofiles", "databases"],
        "", ["timeout 400 python -m pytest -q -p no:warnings -o addopts= tests/test_tutorial"],
    ),
    "sqlite-utils": ("sqlite-utils==3.38", ["sqlite-utils==3.38", "pytest", "hypothesis"], "", ["timeout 200 python -m pytest -q -p no:cacheprovider tests"]),
    "starlette": ("starlette==0.41.3", ["starlette==0.41.3", "pytest", "httpx<0.28", "anyio[trio]", "jinja2", "itsdangerous", "python-multipart", "pyyaml"],
                  "", ["timeout 200 python -m pytest -q -p no:warnings -o addopts= tests"]),
    "djangorestframework": ("djangorestframework==3.15.2", ["djangorestframework==3.15.2", "django==5.1.4", "pytest", "pytest-django", "pytz", "inflection", "uritemplate", "coreapi"],
                            "", ["timeout 300 python -m pytest -q -p no:warnings tests"]),
}
ASK = "node PROGRAMS/places_ask.mjs"
NODE = {
    "json-server": ("json-server@0.17.4", [], "", [
        "echo '{\"posts\":[{\"id\":1,\"t\":\"a\"}],\"profile\":{\"n\":1}}' > /tmp/kino-places.json",
        f"{ASK} 18161 'GET /posts,GET /posts/1,POST /posts,PUT /posts/1,PATCH /posts/1,DELETE /posts/1,GET /db,GET /profile' -- "
        "node lib/cli/bin.js --port 18161 /tmp/kino-places.json",
    ]),
    "maildev": ("maildev@2.1.0", [], "", [
        f"{ASK} 18162 'GET /email,GET /email/a,GET /email/a/html,GET /email/a/attachment/b,GET /email/a/download,GET /email/a/source,"
        "GET /config,GET /healthz,DELETE /email/a,DELETE /email/all,POST /email/a/relay,GET /reloadMailsFromDirectory,PATCH /email/read-all' -- "
        "node bin/maildev --web 18162 --smtp 18163",
    ]),
}


def run(command, folder, environment, check=True):
    done = subprocess.run(command, cwd=folder, env=environment, shell=isinstance(command, str), capture_output=True, text=True)
    if check and done.returncode:
        sys.exit(f"{command}: {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return done


def prepare(name, work):
    """Unpacks and installs one program, and makes a repository of it; its folder and the environment to run in."""
    source, needs, folder, _ = PYTHON.get(name) or NODE[name]
    place = work / name
    environment = {**os.environ, "KINO_HOME": str(work / "record")}
    for key in [key for key in environment if key.startswith(("OTEL_", "PYTHONPATH", "NODE_OPTIONS"))]:
        del environment[key]
    sources, tools = place / "sources", place / "tools"
    environment["PATH"] = f"{tools / 'bin'}:{environment['PATH']}"
    if not (place / "ready").exists():
        shutil.rmtree(place, ignore_errors=True)
        sources.mkdir(parents=True)
        if name in PYTHON:
            package = source.split("=")[0]
            run(["python3.11", "-m", "venv", tools], place, os.environ)
            run([tools / "bin/pip", "download", "-q", "--no-deps", "--no-binary", package, "-d", place / "sdist", source], place, os.environ)
            run(f"tar -xf sdist/*.tar.gz --strip-components 1 -C {sources}", place, os.environ)
            if needs:
                run([tools / "bin/pip", "install", "-q", *needs], place, os.environ)
        else:
            run(f"npm pack --silent '{source}' && tar -xf *.tgz --strip-components 1 -C sources", place, os.environ)
            run(["npm", "install", "--silent", "--omit=dev", "--ignore-scripts", "--no-audit"], sources, os.environ)
        within = sources / folder
        git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main"]
        (within / ".gitignore").open("a").write("\nnode_modules/\n.venv/\n")
        run([*git, "init", "-q"], within, os.environ)
        run([*git, "add", "-A"], within, os.environ)
        run([*git, "commit", "-q", "-m", "as published"], within, os.environ)
        (place / "ready").write_text("")
    return sources / folder, environment


def record(name, work, kino):
    """Each distinct route and statement of a program with its recorded place."""
    cases = work / f"{name}.jsonl"
    folder, environment = prepare(name, work)
    if cases.exists():
        return folder, [json.loads(line) for line in cases.read_text().splitlines()]
    shutil.rmtree(work / "record", ignore_errors=True)
    programs = Path(__file__).resolve().parent / "programs"
    for line in (PYTHON.get(name) or NODE[name])[3]:
        done = run([kino, "run", "--", "sh", "-c", line.replace("PROGRAMS", str(programs))], folder, environment, check=False)
        print(f"{name}: {(done.stdout.strip().splitlines() or [''])[-1][:100]}", file=sys.stderr)
    exported = work / "exported.jsonl"
    run([kino, "export", "--out", exported], folder, environment)
    run([kino, "stop"], folder, environment, check=False)
    found = {}
    with exported.open() as lines:
        for span in (span for line in lines for span in spans(json.loads(line))):
            attributes = {one["key"]: next(iter(one["value"].values()), None) for one in span.get("attributes", [])}
            path = attributes.get("code.file.path")
            statement, route = attributes.get("db.query.text"), attributes.get("http.route")
            if not path or not (statement or (route and span.get("kind") == 2)):
                continue
            if not Path(path).is_absolute():
                path = str(folder / path)
            if not path.startswith(f"{folder}/"):
                continue
            method = attributes.get("http.request.method", "GET")
            key = ("statement", re.sub(r"\d+(\.\d+)?", "0", statement)) if statement else ("route", f"{method} {route}")
            truth = [path[len(str(folder)) + 1:], int(attributes.get("code.line.number", 0)), attributes.get("code.function.name") or ""]
            case = found.setdefault(key, {"kind": key[0], "text": statement or key[1], "method": method, "route": route, "truth": []})
            if truth not in case["truth"]:
                case["truth"].append(truth)
    cases.write_text("".join(json.dumps(case) + "\n" for case in found.values()))
    exported.unlink()
    return folder, list(found.values())


def spans(document):
    for resource in document.get("resourceSpans", []):
        for scope in resource.get("scopeSpans", []):
            yield from scope.get("spans", [])


class Engine:
    """An engine with an empty home, which knows nothing but what is sent to it."""

    def __init__(self, kino, home):
        shutil.rmtree(home, ignore_errors=True)
        self.kino, self.environment = kino, {**os.environ, "KINO_HOME": str(home)}
        ports = ["--addr", "127.0.0.1:18171", "--otlp-http", "127.0.0.1:18172", "--otlp-grpc", "127.0.0.1:18173"]
        self.process = subprocess.Popen([kino, "serve", *ports], env=self.environment, stdout=subprocess.PIPE, text=True)
        self.process.stdout.readline()
        self.token = json.loads((Path(home) / "engine.json").read_text())["token"]

    def post(self, port, path, body):
        headers = {"content-type": "application/json", "authorization": f"Bearer {self.token}"}
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.loads(answer.read() or b"{}")

    def searched(self, number, case, folder):
        """Sends a span without a place, and asks where it is."""
        trace = f"{number + 1:032x}"
        text = lambda key, value: {"key": key, "value": {"stringValue": value}}
        if case["kind"] == "route":
            attributes = [text("http.route", case["route"]), text("http.request.method", case["method"])]
            kind, name = 2, case["text"]
        else:
            attributes, kind, name = [text("db.query.text", case["text"]), text("db.system.name", "sqlite")], 3, "query"
        span = {"traceId": trace, "spanId": f"{number + 1:016x}", "name": name[:100], "kind": kind, "attributes": attributes,
                "startTimeUnixNano": "1700000000000000000", "endTimeUnixNano": "1700000000001000000"}
        resource = {"attributes": [text("service.name", "measured")]}
        self.post(18172, "/v1/traces", {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]})
        answer = self.post(18171, "/api/v1/explain_trace", {"trace_id": trace, "worktree": str(folder)})
        return answer["breakdown"][0].get("searched")

    def stop(self):
        self.process.terminate()
        self.process.wait()


def is_right(folder, place, truth):
    """Whether a found place is the recorded one, or the one names the other."""
    path, line, function = truth
    if place["path"] == path and abs(place["line"] - line) <= NEAR_LINES:
        return True
    found = (folder / place["path"]).read_text(errors="replace").splitlines()
    around = "\n".join(found[max(0, place["line"] - 2): place["line"] + 4])
    parts = [part for part in function.split(".") if len(part) > 2 and part.lower() not in COMMON]
    if any(re.search(rf"\b{re.escape(part)}\b", around) for part in parts):
        return True
    try:
        made = "\n".join((folder / path).read_text(errors="replace").splitlines()[max(0, line - 5): line + 5])
    except OSError:
        return False
    before = "\n".join(found[max(0, place["line"] - 4): place["line"]])
    names = re.findall(r"(?:^|[\s.])([A-Za-z_]\w{2,})\s*=[^=]|def\s+(\w+)|\b(\w+)\s*:", before)
    return any(re.search(rf"\b{re.escape(name)}\b", made) for group in names for name in group if name)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--kino", default="target/release/kino", type=Path)
    arguments.add_argument("--work", default="target/places", type=Path)
    arguments.add_argument("--only", action="append", default=[])
    arguments.add_argument("--record", action="store_true", help="records and asks nothing")
    arguments.add_argument("--detail", action="store_true", help="prints what is another place, to be read")
    options = arguments.parse_args()
    work, kino = options.work.resolve(), options.kino.resolve()
    work.mkdir(parents=True, exist_ok=True)
    total = collections.Counter()
    print("| program | sought | exact: right | other | likely: right | other | several: among them | not | silent |\n" + "|---" * 9 + "|")
    for name in [*PYTHON, *NODE]:
        if options.only and name not in options.only:
            continue
        folder, cases = record(name, work, kino)
        if options.record:
            continue
        engine = Engine(kino, work / "search")
        cases = list({re.sub(r"\d+(\.\d+)?", "0", case["text"]): case for case in cases}.values())
        counts = {kind: collections.Counter() for kind in ("route", "statement")}
        for number, case in enumerate(cases):
            found = engine.searched(number, case, folder)
            step = found["confidence"] if found else "silent"
            right = bool(found) and any(is_right(folder, place, truth) for place in found["places"] for truth in case["truth"])
            counts[case["kind"]][step, right] += 1
            if options.detail and found and not right:
                print(f"    {step} {case['text'][:120]!r}: {found['places'][:2]}, recorded {case['truth'][:2]}")
        engine.stop()
        for kind, count in counts.items():
            total.update({(kind, *key): value for key, value in count.items()})
            if count:
                print(row(f"{name}: {kind}s", count))
    for kind in ("route", "statement"):
        print(row(f"all {kind}s", collections.Counter({key[1:]: value for key, value in total.items() if key[0] == kind})))


def row(name, count):
    cells = [str(count[step, right]) for step in STEPS[:3] for right in (True, False)]
    return f"| {name} | {sum(count.values())} | " + " | ".join(cells) + f" | {count['silent', False]} |"


if __name__ == "__main__":
    main()
