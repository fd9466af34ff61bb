"""One program: what happens when it is recorded, and what is wrong with it. Read from its `truth.toml`."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

PROGRAMS = Path(__file__).resolve().parent.parent / "programs"
# Not part of a project: what is known of it, and its earlier version.
KEPT_BACK = ("truth.toml", "before", "__pycache__")


@dataclass
class Process:
    """Something that runs beside the command of a scene and listens on a port."""

    name: str
    command: list[str]
    # "sends": to the engine, as a service in the field does; "run": under `kino run`; else not traced.
    traced: str = ""


@dataclass
class Scene:
    """One step of a recording: processes that listen, and a command that ends."""

    command: list[str]
    processes: list[Process] = field(default_factory=list)
    traced: str = ""
    # A folder whose files replace those of the program: an earlier version.
    version: str = ""
    times: int = 1
    # Whether the command ends with an error: that is the trouble.
    fails: bool = False


@dataclass
class Program:
    name: str
    title: str
    kind: str
    language: str
    complaint: str
    cause: str
    where: str
    # Regular expressions: what the first entry must hold to be the cause, and what must be read to know it. Those in a
    # list of their own must be in one line together.
    first: list[str | list[str]]
    named: list[str | list[str]]
    scenes: list[Scene]
    # Whether it can be run again; otherwise only its recording answers.
    again: bool = True

    @property
    def folder(self):
        return PROGRAMS / self.name


def read(name):
    truth = tomllib.loads((PROGRAMS / name / "truth.toml").read_text())
    scenes = [
        Scene(**{**scene, "processes": [Process(**process) for process in scene.get("processes", [])]})
        for scene in truth["scene"]
    ]
    cause = truth["cause"]
    return Program(
        name, truth["title"], truth["kind"], truth["language"], truth["complaint"], " ".join(cause["text"].split()),
        cause["where"], cause["first"], cause["named"], scenes, truth.get("again", True),
    )


def names():
    return sorted(folder.name for folder in PROGRAMS.iterdir() if (folder / "truth.toml").is_file())
