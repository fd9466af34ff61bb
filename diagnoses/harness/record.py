"""Runs a program once, in a project of its own, and keeps the engine's home."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

from .engine import SECONDS_MAX, Engine, free_port
from .program import KEPT_BACK

# Spans are sent this often; afterwards it takes as long again until the engine has all of them.
SEND_MILLIS = 300
SETTLE_SECONDS = 1.2
# What projects keep out of their repository.
IGNORED = "*.sqlite*\n*.csv\nfeeds/\n__pycache__/\n"
GIT = ["git", "-c", "user.name=record", "-c", "user.email=record@example.invalid"]


class Recording:
    """One program while it is recorded."""

    def __init__(self, program, engine, folder, python, node_modules):
        self.program, self.engine, self.folder = program, engine, folder
        self.environment = {
            **engine.environment,
            "PATH": f"{Path(python).parent}{os.pathsep}{os.environ['PATH']}",
            "NODE_PATH": str(node_modules), "PYTHONDONTWRITEBYTECODE": "1", "DATA": str(folder / "data"),
            "OTEL_TRACES_EXPORTER": "otlp", "OTEL_LOGS_EXPORTER": "otlp", "OTEL_METRICS_EXPORTER": "none",
            "OTEL_PYTHON_LOGGING_AUTO_INSTRUMENTATION_ENABLED": "true", "OTEL_NODE_RESOURCE_DETECTORS": "env",
            "OTEL_BSP_SCHEDULE_DELAY": str(SEND_MILLIS), "OTEL_BLRP_SCHEDULE_DELAY": str(SEND_MILLIS),
        }

    def lay_out(self, version):
        """Puts the files of a version into the project and commits them."""
        for source in [self.program.folder, *([self.program.folder / version] if version else [])]:
            for file in source.iterdir():
                if file.name not in KEPT_BACK:
                    shutil.copy(file, self.engine.project)
        (self.engine.project / ".gitignore").write_text(IGNORED)
        if not (self.engine.project / ".git").is_dir():
            self.git("init", "-q")
        self.git("add", "-A")
        if self.git("status", "--porcelain"):
            self.git("commit", "-q", "-m", f"As it was {version}" if version else "As it is")

    def git(self, *arguments):
        done = subprocess.run([*GIT, *arguments], cwd=self.engine.project, check=True, capture_output=True, timeout=60)
        return done.stdout

    def traced(self, how, command, name):
        """The command line and what it needs of OpenTelemetry in its environment."""
        more = {"OTEL_SERVICE_NAME": name}
        if how == "run":
            return [self.engine.kino, "run", "--", *command], more
        if how == "sends":
            more |= {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{self.engine.otlp}", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}
        return command, more

    def scene(self, scene):
        self.lay_out(scene.version)
        with ExitStack() as running:
            ports = {process.name: free_port() for process in scene.processes}
            urls = {f"{name.upper()}_URL": f"http://127.0.0.1:{port}" for name, port in ports.items()}
            for process in scene.processes:
                running.enter_context(self.process(process, ports[process.name], urls))
            for _ in range(scene.times):
                self.command(scene, urls)
            if scene.processes or scene.traced:
                time.sleep(SETTLE_SECONDS)

    @contextmanager
    def process(self, process, port, urls):
        command, more = self.traced(process.traced, process.command, process.name)
        log = self.folder / f"{process.name}.log"
        with log.open("a") as output:
            child = subprocess.Popen(
                command, env={**self.environment, **urls, **more, "PORT": str(port)}, cwd=self.engine.project,
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
            )
        try:
            wait_for(port, child, log)
            yield
        finally:
            # As Ctrl-C does it: programs under `kino run` and their parent alike.
            os.killpg(child.pid, signal.SIGINT)
            try:
                child.wait(timeout=10)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()

    def command(self, scene, urls):
        command, more = self.traced(scene.traced, scene.command, self.program.name)
        log = self.folder / "command.log"
        with log.open("a") as output:
            done = subprocess.run(
                command, env={**self.environment, **urls, **more}, cwd=self.engine.project,
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, timeout=SECONDS_MAX, check=False,
            )
        if (done.returncode != 0) != scene.fails:
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{log.read_text()[-2_000:]}")


def wait_for(port, child, log):
    end = time.monotonic() + SECONDS_MAX
    while time.monotonic() < end and child.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"a process does not listen:\n{log.read_text()[-2_000:]}")


def record(program, kino, folder, python, node_modules):
    """Records a program in a folder, which is emptied before; returns how many seconds it took."""
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("project", "home", "data"):
        (folder / name).mkdir(parents=True)
    began = time.monotonic()
    with Engine(kino, folder) as engine:
        recording = Recording(program, engine, folder, python, node_modules)
        for scene in program.scenes:
            recording.scene(scene)
        traces = len(engine.json("find", "--all", "--limit", "500")["items"])
    seconds = time.monotonic() - began
    made = {"program": program.name, "seconds": round(seconds, 1), "traces_up_to_500": traces}
    (folder / "recorded.json").write_text(json.dumps(made, indent=2) + "\n")
    if not traces:
        raise RuntimeError(f"nothing was recorded of {program.name}; its logs are in {folder}")
    return seconds
