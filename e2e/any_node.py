"""Runs a Node program twice, bare and with the bootstrap, and reads what the bootstrap wrote."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from any_python import PARENT, ROOT, SECONDS_MAX, TRACE, Ran, channel, clean_environment, masked

BOOT = ROOT / "crates" / "inject" / "node" / "boot.cjs"
# The binaries that the package `node` of npm's registry has, of the versions beside the machine's own.
NEWER = ["22.23.3", "24.21.0"]
PACKAGES = ROOT / "e2e" / "any" / "node"
APPS = ROOT / "e2e" / "apps" / "any-node"


def node_masked(text):
    return re.sub(r"\(node:\d+\)|pid: \d+", "(node:N)", masked(text))


def prepare_packages():
    """Installs the packages once."""
    if not (PACKAGES / "node_modules").is_dir():
        # `npm ci` refuses lock files without entries of other platforms' packages, which npm itself leaves out.
        subprocess.run(["npm", "install", "--no-save", "--prefix", PACKAGES], check=True, capture_output=True)


def folder(target):
    """A clean folder with the applications and their packages."""
    prepare_packages()
    shutil.copytree(APPS, target)
    (target / "node_modules").symlink_to(PACKAGES / "node_modules")
    return target


def run(command, directory, place=None, **environment):
    """Runs a command, with the bootstrap if there is a channel."""
    given = clean_environment(NO_COLOR="1", CI="1", **environment)
    options = given.pop("NODE_OPTIONS", "")
    if place is not None:
        options = f'{options} --require "{BOOT}"'.strip()
        given |= {
            "KINO_CHANNEL": str(place),
            "KINO_PROJECT_DIR": str(directory),
            "TRACEPARENT": f"00-{TRACE}-{PARENT}-01",
            "OTEL_SERVICE_NAME": "any",
            "OTEL_RESOURCE_ATTRIBUTES": "kino.run.id=1%202,team=a",
        }
    if options:
        given["NODE_OPTIONS"] = options
    done = subprocess.run(
        [str(word) for word in command], cwd=directory, env=given, capture_output=True, timeout=SECONDS_MAX, stdin=subprocess.DEVNULL
    )
    done.stdout, done.stderr = (text.decode(errors="backslashreplace") for text in (done.stdout, done.stderr))
    return Ran(done, place.read_bytes() if place is not None and place.exists() else None)


def compare(command, directory, mask=node_masked, **environment):
    """Runs a command bare and with the bootstrap: same exit code, same output. Returns the second."""
    bare = run(command, directory, **environment)
    with channel() as place:
        recorded = run(command, directory, place, **environment)
    assert recorded.code == bare.code, recorded.errors
    assert mask(recorded.output) == mask(bare.output)
    assert mask(recorded.errors) == mask(bare.errors)
    assert recorded.others == [], "the bootstrap had an error, or lost something"
    assert all(span["traceId"] == TRACE for span in recorded.spans)
    return recorded


def path_with(version):
    """`PATH` with this version of Node before all others; it is installed once and found again after."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "e2e" / f"node-{version}"
    binaries = target / "node_modules" / "node" / "bin"
    if not (binaries / "node").is_file():
        target.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--no-save", "--no-package-lock", "--prefix", target, f"node@{version}"]
        done = subprocess.run(command, cwd=target, capture_output=True, text=True)
        if done.returncode != 0 or not (binaries / "node").is_file():
            pytest.skip(f"NOT TRIED: Node {version} cannot be installed: {done.stderr[-200:]}")
    return f"{binaries}{os.pathsep}{os.environ['PATH']}"
