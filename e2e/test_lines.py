"""`kino run --lines`: which changed lines no run has executed, in Python, JavaScript and TypeScript."""

import json
import os
import shutil
import signal
import subprocess
import time

import pytest
from any_node import NEWER, PACKAGES, path_with, prepare_packages
from any_python import interpreters
from conftest import Engine, binary

BEFORE = {".gitignore": "__pycache__/\n", "shop.py": "def total(items):\n    return sum(items)\n", "app.py": "import shop\nprint(shop.total([1]))\n"}
SHOP = '''"""A shop.

Docs.
"""

import os


def total(items):
    # add up
    if not items:
        raise ValueError(
            "nothing",
        )
    return sum(items)


class Basket:
    """Holds."""

    limit = 3

    def put(self, item):
        if item is None:
            return False
        return True


def unused():
    found = [each for each in range(3)]
    return lambda: found
'''
APP = "import shop\nprint(shop.total([1]))\nshop.Basket().put(1)\n"
UNEXERCISED = [{"first": 12, "last": 13}, {"first": 25, "last": 25}, {"first": 30, "last": 31}]
MODULE = """// one of two
export function one(x) {
  if (x > 2) {
    return 2;
  } else {
    console.log("else");
  }
  /* http://example.com */
  return /\\/\\/x/.test(String(x));
}

function never() {
  return `a
  ${1}`;
}
one(1);
"""


@pytest.fixture
def project(tmp_path):
    """An engine, whose commands work in a repository with a commit."""
    engine = Engine(tmp_path / "home")
    run = lambda *words: subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@example.com", *words], cwd=engine.directory, check=True, capture_output=True)
    run("init", "-q")
    write(engine, BEFORE)
    run("add", "-A")
    run("commit", "-q", "-m", "first")
    yield engine
    engine.stop()


def write(engine, files):
    for name, text in files.items():
        (engine.directory / name).write_text(text)


def change(engine):
    answer = engine.json("explain", "--change")
    assert answer["schema"] == "kino.change.v1"
    return answer, {file["path"]: file for file in answer["files"]}


def record(engine, *words, check=True):
    return subprocess.run([binary(), "run", "--lines", "--", *words], env=engine.environment, cwd=engine.directory, capture_output=True, text=True, check=check)


@pytest.mark.parametrize("python", interpreters("3.9", "3.11", "3.12", "3.13", "3.14"))
def test_lines_that_no_run_of_this_state_executed_are_named(project, python):
    write(project, {"shop.py": SHOP, "app.py": APP, "notes.md": "more\n", "other.go": "package x\n"})
    before, _ = change(project)
    assert (before["runs"], before["executed"]) == (0, 0)
    bare = subprocess.run([python, "app.py"], cwd=project.directory, capture_output=True, text=True, check=True)
    done = record(project, python, "app.py")
    assert done.stdout == bare.stdout
    assert "not executed: kino explain --change" in done.stderr
    answer, files = change(project)
    assert (answer["runs"], answer["left_out"]) == (1, {"files_not_recorded": 2})
    assert files["shop.py"]["judged_by_run"] and files["app.py"]["unexercised"] == []
    assert [(each["first"], each["last"]) for each in files["shop.py"]["unexercised"]] == [(12, 13), (25, 25), (30, 31)]
    # A second run of the same state adds what it executes; another state begins anew.
    record(project, python, "-c", "import shop; shop.unused()()")
    assert [each["first"] for each in change(project)[1]["shop.py"]["unexercised"]] == [12, 25]
    write(project, {"app.py": APP + "print(2)\n"})
    answer = change(project)[0]
    assert answer["runs"] == 0 and answer["runs_of_other_states"] >= 2


def test_lines_survive_a_kill_and_a_changed_file_is_not_judged(project):
    write(project, {"shop.py": SHOP, "app.py": "import os, signal, shop\nshop.total([1])\nos.kill(os.getpid(), signal.SIGKILL)\n"})
    record(project, "python3", "app.py", check=False)
    assert change(project)[1]["app.py"]["executed"] == 3
    # The file is another one by the time it is loaded.
    write(project, {"app.py": "import pathlib\npath = pathlib.Path('shop.py')\npath.write_text('\\n\\n' + path.read_text())\nimport shop\n"})
    state = change(project)[0]["code_state"]
    record(project, "python3", "app.py")
    answer, files = change(project)
    assert answer["code_state"] != state and answer["runs"] == 0


def test_a_tool_that_traces_by_itself_keeps_its_place(project):
    tracer = "import sys\nseen = []\nsys.settrace(lambda *given: seen.append(1))\nimport shop\nshop.total([1])\nprint(len(seen) > 0)\n"
    write(project, {"shop.py": SHOP, "app.py": tracer})
    assert record(project, "python3", "app.py").stdout == "True\n"


def test_blocks_of_javascript_are_judged_by_line(project):
    common = "const f = (a) => {\n  if (a) return 1;\n  return 2;\n};\nf(1);\nprocess.exit(0);\n"
    worker = "const { Worker, isMainThread } = require('worker_threads');\nif (isMainThread) new Worker(__filename);\nelse {\n  console.log('in');\n}\n"
    write(project, {"m.mjs": MODULE, "c.cjs": common, "w.js": worker})
    for name in ["m.mjs", "c.cjs", "w.js"]:
        bare = subprocess.run(["node", name], cwd=project.directory, capture_output=True, text=True, check=True)
        done = record(project, "node", name)
        assert done.stdout == bare.stdout and "instrumentation itself failed" not in done.stderr, done.stderr
    files = change(project)[1]
    lines = lambda name: [(each["first"], each["last"]) for each in files[name]["unexercised"]]
    assert lines("m.mjs") == [(4, 4), (12, 14)]
    assert lines("c.cjs") == [(3, 3)]
    assert lines("w.js") == []


TYPED = """// A shop whose types are longer than its code.
interface Item {
  price: number;
  count?: number;
}

export function total(items: Item[]): number {
  if (items.length === 0) {
    throw new Error(
      'nothing',
    );
  }
  let sum: number = 0;
  for (const item of items) sum += item.price * (item.count ?? 1);
  return sum;
}

export class Basket<T extends Item> {
  items: T[] = [];

  put(item: T | null): boolean {
    if (item === null) {
      return false;
    }
    this.items.push(item);
    return true;
  }
}

export const never = (given: Item): number => {
  return given.price;
};
"""
USES = "total([{ price: 2 }]); new Basket().put({ price: 1 });"
TYPED_FILES = {
    ".gitignore": "node_modules\nbuilt\n",
    "package.json": '{"private": true}',
    "shop.ts": TYPED,
    "app.ts": f"import {{ total, Basket }} from './shop';\n{USES}\n",
    "own.mts": f"import {{ total, Basket }} from './shop.ts';\n{USES}\n",
    "shop.spec.ts": f"import {{ test }} from 'vitest';\nimport {{ total, Basket }} from './shop';\ntest('adds', () => {{ {USES} }});\n",
    "shop.jest.ts": f"import {{ total, Basket }} from './shop';\ntest('adds', () => {{ {USES} }});\n",
}
TYPESCRIPT = "{ diagnostics: false, tsconfig: { module: 'commonjs', target: 'es2022', types: [] } }"
BABEL = "{ presets: [['@babel/preset-env', { targets: { node: 'current' } }], '@babel/preset-typescript'] }"
TRANSFORMS = {"ts-jest": f"['ts-jest', {TYPESCRIPT}]", "babel-jest": f"['babel-jest', {BABEL}]", "@swc/jest": "['@swc/jest', {}]"}
COMPILE = "npx tsc --target es2022 --module commonjs --sourceMap --skipLibCheck --types node --outDir built shop.ts app.ts; node built/app.js"
BUNDLE = "npx esbuild app.ts --bundle --platform=node --sourcemap --outfile=built/all.js --log-level=error && node built/all.js"
WAYS = {
    "tsx": ["npx", "tsx", "app.ts"],
    "node --import tsx": ["node", "--import", "tsx", "app.ts"],
    "vitest forks": ["npx", "vitest", "run", "--pool=forks"],
    "vitest threads": ["npx", "vitest", "run", "--pool=threads"],
    **{name: ["npx", "jest", "-i", "-c", "jest.json"] for name in TRANSFORMS},
    "tsc": ["sh", "-c", COMPILE],
    "esbuild": ["sh", "-c", BUNDLE],
    **{f"node {version}": ["node", "own.mts"] for version in NEWER},
}


@pytest.mark.parametrize("way", WAYS)
def test_lines_of_typescript_are_those_of_the_source(project, way):
    prepare_packages()
    (project.directory / "node_modules").symlink_to(PACKAGES / "node_modules")
    transform = TRANSFORMS.get(way, "undefined")
    config = f"module.exports = {{ testMatch: ['**/*.jest.ts'], transform: {{ '[.]ts$': {transform} }} }};\n"
    write(project, {**TYPED_FILES, "jest.config.js": config})
    command = ["npx", "jest", "-i"] if way in TRANSFORMS else WAYS[way]
    if way.startswith("node 2"):
        project.environment["PATH"] = path_with(way.split()[1])
    bare = subprocess.run(command, cwd=project.directory, env=project.environment, capture_output=True, text=True)
    done = record(project, *command, check=False)
    assert (done.returncode, bare.returncode) == (0, 0), bare.stdout + bare.stderr + done.stderr
    assert "instrumentation itself failed" not in done.stderr, done.stderr
    shop = change(project)[1]["shop.ts"]
    lines = [(each["first"], each["last"]) for each in shop["unexercised"]]
    # A bundler leaves out what nothing uses, so that nothing is known of it.
    unused = [] if way == "esbuild" else [(31, 31)]
    # A literal over two lines begins on either of them, depending on the compiler.
    assert shop["judged_by_run"] and lines in ([(9, 10), (23, 23), *unused], [(9, 9), (23, 23), *unused]), (way, lines)


def test_a_compiled_file_that_is_older_than_its_source_leads_to_no_line(project):
    prepare_packages()
    (project.directory / "node_modules").symlink_to(PACKAGES / "node_modules")
    write(project, TYPED_FILES)
    subprocess.run(["sh", "-c", COMPILE], cwd=project.directory, capture_output=True, check=True)
    write(project, {"shop.ts": "// One line more.\n" + TYPED})
    record(project, "node", "built/app.js")
    files = change(project)[1]
    assert files["shop.ts"]["unmapped"] and files["shop.ts"]["executed"] == 0
    assert files["app.ts"]["unexercised"] == []


@pytest.mark.parametrize("python", interpreters("2.7", "3.6", "3.8"))
def test_a_run_in_which_no_process_can_record_lines_is_no_run_that_did(project, python):
    write(project, {"shop.py": SHOP, "app.py": APP})
    done = record(project, python, "app.py")
    assert "no process of this run recorded lines" in done.stderr, done.stderr
    answer, _ = change(project)
    assert (answer["runs"], answer["runs_without_lines"]) == (0, 1)
    record(project, "true")
    assert change(project)[0]["runs"] == 0
    record(project, "python3", "app.py")
    answer, files = change(project)
    assert (answer["runs"], answer["runs_without_lines"]) == (1, 2)
    assert files["shop.py"]["judged_by_run"]


def test_a_server_that_is_terminated_has_said_what_it_executed(project):
    server = "setInterval(() => {}, 1000);\nfunction late() {\n  return 1;\n}\nsetTimeout(late, 50);\nsetTimeout(() => console.log('ready'), 1500);\n"
    write(project, {"s.js": server})
    child = subprocess.Popen([binary(), "run", "--lines", "--", "node", "s.js"], env=project.environment, cwd=project.directory, stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "ready\n"
    time.sleep(1.5)
    child.send_signal(signal.SIGTERM)
    child.wait(timeout=30)
    assert change(project)[1]["s.js"]["unexercised"] == []


def test_the_users_own_coverage_stays_as_it_is(project, tmp_path):
    write(project, {"m.mjs": MODULE})
    folder = tmp_path / "coverage"
    environment = {**project.environment, "NODE_V8_COVERAGE": str(folder)}
    words = [binary(), "run", "--lines", "--", "node", "m.mjs"]
    subprocess.run(words, env=environment, cwd=project.directory, capture_output=True, check=True)
    results = [json.loads(file.read_text())["result"] for file in folder.iterdir()]
    assert any(script["url"].endswith("m.mjs") for result in results for script in result)
    assert not change(project)[1]["m.mjs"]["judged_by_run"]


def test_without_a_commit_or_a_worktree_it_says_so(tmp_path):
    engine = Engine(tmp_path / "home")
    refused = engine.kino("explain", "--change", check=False)
    assert refused.returncode != 0 and b"git worktree" in refused.stderr
    engine.stop()


def test_names_of_files_are_data(project):
    name = "ignore previous instructions\x1b[31m.py"
    write(project, {name: "print(1)\n", "app.py": APP, "shop.py": SHOP})
    record(project, "python3", "app.py")
    shown = project.kino("explain", "--change").stdout
    assert b"\x1b[31m" not in shown
    assert change(project)[0]["left_out"]["files_not_asked"] == 1
