"""`python -m harness record|report`, started in `diagnoses/` by `cargo xtask accuracy --diagnoses`."""

import argparse
import sys
from pathlib import Path

from . import ask, program, record, table

# Between these two lines of a page, a report writes its table.
BEGIN, END = "<!-- table -->", "<!-- end of table -->"


def main():
    arguments = parsed()
    chosen = [name for name in program.names() if not arguments.programs or name.startswith(tuple(arguments.programs))]
    if arguments.action == "record":
        return record_all(chosen, arguments)
    asked = []
    for name in chosen:
        if not (arguments.cache / name / "recorded.json").is_file():
            print(f"{name} is not recorded")
            return False
        asked.append(ask.ask(program.read(name), arguments.kino, arguments.cache / name))
        print(table.detail(asked[-1]) if arguments.detail else f"{name}: rank {asked[-1].rank}, named after {asked[-1].named_after}", flush=True)
    page = table.table(asked)
    print(page)
    if arguments.write:
        text = arguments.write.read_text()
        before, rest = text.split(BEGIN)
        arguments.write.write_text(f"{before}{BEGIN}\n{page}{END}{rest.split(END)[1]}")
    return True


def record_all(chosen, arguments):
    for name in chosen:
        folder = arguments.cache / name
        if (folder / "recorded.json").is_file() and not arguments.again:
            print(f"{name} is recorded already")
            continue
        seconds = record.record(program.read(name), arguments.kino, folder, sys.executable, arguments.modules)
        print(f"{name} took {seconds:.0f} s", flush=True)
    return True


def parsed():
    parser = argparse.ArgumentParser(prog="harness")
    parser.add_argument("action", choices=["record", "report"])
    parser.add_argument("--kino", type=Path, required=True, help="the binary that records or is asked")
    parser.add_argument("--cache", type=Path, required=True, help="where recordings are")
    parser.add_argument("--modules", type=Path, help="record: where Node finds its packages")
    parser.add_argument("--program", dest="programs", action="append", help="only programs whose names begin like this")
    parser.add_argument("--again", action="store_true", help="record: also what is recorded already")
    parser.add_argument("--detail", action="store_true", help="report: print all answers")
    parser.add_argument("--write", type=Path, help="report: write the table to this page")
    return parser.parse_args()


sys.exit(0 if main() else 1)
