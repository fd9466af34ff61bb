"""A `kino serve` with a home of its own, and `kino` commands in a folder, as a user types them."""

import json
import os
import socket
import subprocess

# Generous: a slow machine is no failure, a hanging command is.
SECONDS_MAX = 120


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Engine:
    """Runs as long as the `with` block."""

    def __init__(self, kino, folder):
        self.kino, self.home, self.project = str(kino), folder / "home", folder / "project"
        self.log = folder / "engine.log"
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "KINO_", "TRACEPARENT"))}
        self.environment = {**clean, "KINO_HOME": str(self.home), "NO_COLOR": "1"}
        self.otlp = f"127.0.0.1:{free_port()}"

    def __enter__(self):
        others = (f"127.0.0.1:{free_port()}" for _ in range(2))
        addresses = ["--otlp-http", self.otlp, "--addr", next(others), "--otlp-grpc", next(others)]
        self.process = subprocess.Popen(
            [self.kino, "serve", *addresses],
            env=self.environment, cwd=self.project, stdout=subprocess.PIPE, stderr=self.log.open("a"), text=True,
        )
        if not self.process.stdout.readline():
            raise RuntimeError(f"the engine did not start:\n{self.log.read_text()}")
        return self

    def __exit__(self, *error):
        self.process.terminate()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def ask(self, *arguments, codes=(0,)):
        """Standard output of a command."""
        done = subprocess.run(
            [self.kino, *arguments], env=self.environment, cwd=self.project, capture_output=True, text=True,
            timeout=SECONDS_MAX, stdin=subprocess.DEVNULL,
        )
        if done.returncode not in codes:
            raise RuntimeError(f"kino {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr}")
        return done.stdout

    def json(self, *arguments):
        return json.loads(self.ask(*arguments, "--json"))
