"""`kino watch` in a pseudo-terminal, as a person has it: what appears, where keys lead, and what it leaves behind."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pyte
import pytest

from conftest import binary, otlp, span, text

COLUMNS, ROWS = 100, 30
# Generous: a slow machine is no failure, a screen that never shows it is.
SECONDS_MAX = 30
ENTER, ESC, TAB, DOWN = "\r", "\x1b", "\t", "\x1b[B"


class Terminal:
    """A program in a terminal of its own, and what its screen shows."""

    def __init__(self, engine, *arguments, **variables):
        self.screen = pyte.Screen(COLUMNS, ROWS)
        self.stream = pyte.ByteStream(self.screen)
        self.written = b""
        self.ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.before = termios.tcgetattr(theirs)
        # The terminal's other end stays open here, so that its settings can be read after the program has gone.
        self.theirs = theirs
        environment = {**engine.environment, "TERM": "xterm-256color"}
        environment.pop("NO_COLOR", None)
        environment.update(variables)
        self.process = subprocess.Popen(
            [binary(), "watch", *arguments], env=environment, cwd=engine.directory,
            stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )

    def read(self, seconds):
        """Takes in what was written within the time; false where nothing was."""
        if not select.select([self.ours], [], [], seconds)[0]:
            return False
        chunk = os.read(self.ours, 65536)
        self.written += chunk
        self.stream.feed(chunk)
        return True

    def shows(self, *wanted):
        """Waits until all of it stands on the screen; parts of a tuple on one line."""
        lines = [(one,) if isinstance(one, str) else one for one in wanted]
        end = time.monotonic() + SECONDS_MAX
        while not all(any(all(part in line for part in parts) for line in self.screen.display) for parts in lines):
            assert time.monotonic() < end, f"{wanted} not on the screen:\n" + "\n".join(self.screen.display)
            self.read(0.2)

    def hides(self, unwanted):
        """Waits until it stands on the screen no more."""
        end = time.monotonic() + SECONDS_MAX
        while any(unwanted in line for line in self.screen.display):
            assert time.monotonic() < end, f"{unwanted} on the screen:\n" + "\n".join(self.screen.display)
            self.read(0.2)

    def types(self, keys):
        os.write(self.ours, keys.encode())

    def ends(self):
        """The exit code, once everything that was written has been read."""
        end = time.monotonic() + SECONDS_MAX
        while self.process.poll() is None:
            assert time.monotonic() < end, "it does not end"
            self.read(0.1)
        while self.read(0.1):
            pass
        return self.process.returncode

    def is_given_back(self):
        """Raw mode, alternate screen and hidden cursor are gone."""
        now = termios.tcgetattr(self.theirs)
        left, shown = self.written.rfind(b"\x1b[?1049l"), self.written.rfind(b"\x1b[?25h")
        entered = self.written.rfind(b"\x1b[?1049h")
        return now == self.before and left > entered >= 0 and shown > self.written.find(b"\x1b[?25l")

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.ours)
        os.close(self.theirs)


@pytest.fixture
def watching(engine):
    opened = []

    def watch(*arguments, on=engine, **variables):
        opened.append(Terminal(on, *arguments, **variables))
        return opened[-1]

    yield watch
    for terminal in opened:
        terminal.close()


def cart(trace, name="GET /cart", **more):
    """A trace of three spans that has just ended."""
    now = time.time_ns()
    milli = 1_000_000
    start = now - 100 * milli
    return otlp("watched", [
        span(trace, 1, name, start, now, **more),
        span(trace, 2, "SELECT item", start + 10 * milli, start + 60 * milli, parent=1,
             attributes=[text("db.query.text", "SELECT * FROM item WHERE id = 7")]),
        span(trace, 3, "render", start + 60 * milli, start + 90 * milli, parent=1),
    ])


def test_a_trace_appears_while_it_is_watched_and_can_be_looked_into(engine, watching):
    terminal = watching("--service", "watched", "--all")
    terminal.shows("kino watch", "service:watched", "live", "no trace fits")
    engine.send(cart(0x51))
    terminal.shows("GET /cart", "100 ms")
    engine.send(cart(0x52, name="GET /later"))
    terminal.shows("GET /cart", "GET /later")
    # The newest is chosen; the one below it is older.
    terminal.types(DOWN + ENTER)
    terminal.shows("Waterfall", "3 spans", "SELECT item", "render", f"{0x51:032x}")
    # What the root waited for is drawn full.
    terminal.shows(("SELECT item", "█"))
    terminal.types(TAB)
    terminal.shows("AFTER", "SHARE")
    terminal.types("\x1b[D" + DOWN + ENTER)
    terminal.shows("db.query.text = SELECT * FROM item WHERE id = 7", "parent")
    terminal.types("/where" + ENTER)
    terminal.shows("\"where\": 1 of 1 hit")
    # A lone Esc is one only when nothing follows it for a moment.
    terminal.types(ESC)
    terminal.hides("1 of 1 hit")
    for shown in ("Waterfall", "GET /later"):
        terminal.types(ESC)
        terminal.shows(shown)
    terminal.types("q")
    assert terminal.ends() == 0
    assert terminal.is_given_back()


def test_services_are_listed_and_lead_to_their_traces(engine, watching):
    engine.send(cart(0x61, name="GET /listed"))
    terminal = watching("--all")
    terminal.shows("GET /listed")
    terminal.types("S")
    terminal.shows(("SPANS", "ROOTS", "FAILED", "OPERATIONS", "SERVICE"), ("›", "watched"))
    row = next(index for index, line in enumerate(terminal.screen.display) if "›" in line and "watched" in line)
    # The first row of the page, its headings, is the fourth of the screen.
    terminal.types(DOWN * (row - 3) + ENTER)
    terminal.shows("service:watched", "GET /listed")
    terminal.types("q")
    assert terminal.ends() == 0


def test_a_runs_output_is_read_and_searched(engine, watching):
    engine.kino("run", "--label", "noisy", "--", "sh", "-c", "for i in $(seq 200); do echo line $i; done; exit 3", check=False)
    terminal = watching("--all")
    terminal.types("3")
    terminal.shows("noisy", "exit 3", "sh -c")
    terminal.types(ENTER)
    terminal.shows("standard output")
    row = next(index for index, line in enumerate(terminal.screen.display) if "standard output" in line)
    # The first row of the text is the fourth of the screen.
    terminal.types(DOWN * (row - 3) + ENTER)
    terminal.shows("line 1", "rows 1–26 of 200")
    terminal.types("/LINE 150" + ENTER)
    terminal.shows("line 150", "1 of 1 hit")
    terminal.types("\x03")
    assert terminal.ends() == 0
    assert terminal.is_given_back()


def test_a_text_is_searched_for_in_every_output(engine, watching):
    script = "for i in $(seq 40000); do echo filler $i; done; echo a Quokka at last >&2; echo and a quokka here"
    engine.kino("run", "--", "sh", "-c", script, check=False)
    terminal = watching("--all")
    terminal.shows("live")
    terminal.types("squokka" + ENTER)
    terminal.shows("2 hits in the output of", "a Quokka at last", "and a quokka here")
    row = next(index for index, line in enumerate(terminal.screen.display) if "› " in line and "standard output" in line)
    terminal.types(DOWN * (row - 3) + ENTER)
    # It is beyond what is read at first.
    terminal.shows("and a quokka here", "1 of 1 hit")
    terminal.types("q")
    assert terminal.ends() == 0


def test_a_finding_is_listed_and_acknowledged(own_engine, watching):
    terminal = watching("--all", on=own_engine)
    terminal.types("2")
    terminal.shows("nothing was found yet")
    milli = 1_000_000
    for trace in range(0x61, 0x6b):
        start = time.time_ns() - 400 * milli
        calls = [
            span(trace, number, "SELECT item", start + number * 7 * milli, start + (number * 7 + 6) * milli, parent=1,
                 kind=3, attributes=[text("db.system", "sqlite"), text("db.query.text", f"SELECT * FROM item WHERE id = {number}")])
            for number in range(2, 42)
        ]
        own_engine.send(otlp("carts", [span(trace, 1, "GET /cart", start, start + 300 * milli, kind=2), *calls]))
    # It comes by itself, once the engine has looked at what has settled.
    terminal.shows(("open", "n_plus_one"))
    terminal.types("o")
    terminal.shows("newest first", ("•", "n_plus_one"))
    rows = [line for line in terminal.screen.display if " open " in line]
    place = next(index for index, line in enumerate(rows) if "n_plus_one" in line)
    terminal.types(DOWN * place + ENTER)
    terminal.shows("Findings › n_plus_one", "would save", "Evidence")
    terminal.types("G")
    terminal.shows("Its life", "first seen")
    terminal.types("a")
    terminal.shows("n_plus_one is acknowledged")
    known = own_engine.json("insights", "--state", "acknowledged", "--all")["items"]
    assert [item["code"] for item in known] == ["n_plus_one"]
    terminal.types("q")
    assert terminal.ends() == 0


def test_recorded_escapes_stay_out_of_the_terminal(engine, watching):
    terminal = watching("--all", "--service", "watched")
    terminal.shows("live")
    engine.send(cart(0x53, name="\x1b]0;owned\x07\x1b[2Jname\u202e"))
    terminal.shows("\\u{1b}]0;owned\\u{7}\\u{1b}[2Jname")
    terminal.types(ENTER)
    terminal.shows("Waterfall", "3 spans")
    terminal.types("q")
    assert terminal.ends() == 0
    assert b"\x1b]0;owned" not in terminal.written and "\u202e".encode() not in terminal.written


def test_a_signal_ends_it_and_gives_the_terminal_back(engine, watching):
    terminal = watching("--all")
    terminal.shows("live")
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.ends() == 128 + signal.SIGTERM
    assert terminal.is_given_back()


def test_an_engine_that_goes_is_said_and_one_that_comes_is_found(own_engine, watching):
    terminal = watching("--all", on=own_engine)
    terminal.shows("live")
    own_engine.stop()
    terminal.shows("no engine")
    own_engine.start()
    terminal.shows("● live")
    own_engine.send(cart(0x54, name="GET /again"))
    terminal.shows("GET /again")
    terminal.types("q")
    assert terminal.ends() == 0


def test_a_terminal_that_shrinks_is_followed(engine, watching):
    terminal = watching("--all")
    terminal.shows("live")
    for rows, columns, shown in ((8, 40, "60×12 at least, not 40×8"), (24, 80, "live")):
        terminal.screen.resize(rows, columns)
        fcntl.ioctl(terminal.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        terminal.shows(shown)
    terminal.types("q")
    assert terminal.ends() == 0


def test_colour_is_used_unless_it_is_unwanted(engine, watching):
    colours = re.compile(rb"\x1b\[[0-9;]*(3[0-8]|4[0-8])[0-9;]*m")
    for variables, expected in (({}, True), ({"NO_COLOR": "1"}, False)):
        terminal = watching("--all", **variables)
        terminal.shows("● live")
        terminal.types("q")
        assert terminal.ends() == 0
        assert bool(colours.search(terminal.written)) == expected, variables


def test_without_a_terminal_it_says_what_to_do(engine):
    refused = engine.kino("watch", check=False)
    assert refused.returncode == 2
    assert b"terminal" in refused.stderr and b"kino find" in refused.stderr
