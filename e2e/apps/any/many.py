"""Asks often, with hostile statements among it, and as many as its first argument says."""

import sqlite3
import sys

database = sqlite3.connect(":memory:")
HOSTILE = [
    "", " ", "/*", "--", "'", "(" * 100_000, "/*/" * 30_000, "'" * 99_999, "x\udc80é\x1e\n", "\x1b[31mselect 1", 5, None, b"select",
    'insert into "odd\n"."table" values (1)', "with a as (select 1) select * from a", "select '" + "é" * 500_000 + "'",
]  # fmt: skip
for statement in HOSTILE:
    try:
        database.execute(statement)
    except Exception as error:
        print(type(error).__name__)
for _ in range(int(sys.argv[1])):
    database.execute("select 1")
