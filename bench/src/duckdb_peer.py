"""The benchmark's questions in DuckDB over the lake's files: prints a name, a tab and a figure a line."""

import json
import sys
import time

import duckdb

files = {}
for file in json.load(open(sys.argv[1]))["files"]:
    files.setdefault(file["table"], []).append(file["url"].removeprefix("file://"))
db = duckdb.connect()


def table(name):
    return "read_parquet([" + ", ".join("'" + path.replace("'", "''") + "'" for path in files[name]) + "], union_by_name=true)"


def timed(what, sql, repeats=3):
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        db.execute(sql).fetchall()
        seconds.append(time.perf_counter() - started)
    seconds.sort()
    print(f"{what}\tmedian {seconds[len(seconds) // 2] * 1e3:.1f} ms (n={repeats})")


some = db.execute(f"SELECT hex(trace_id) FROM {table('spans')} USING SAMPLE 20 ROWS").fetchall()
seconds = []
for (trace_id,) in some:
    started = time.perf_counter()
    db.execute(f"SELECT * FROM {table('spans')} WHERE trace_id = from_hex('{trace_id}')").fetchall()
    seconds.append(time.perf_counter() - started)
seconds.sort()
print(f"one trace by id\tp50 {seconds[len(seconds) // 2] * 1e3:.1f} ms, max {seconds[-1] * 1e3:.1f} ms (n={len(seconds)})")
timed(
    "percentiles per operation over everything",
    f"SELECT service_name, name, count(*), approx_quantile(duration_nanos, 0.95) FROM {table('spans')} GROUP BY ALL",
)
timed(
    "the latest 20 slow roots of a service",
    f"SELECT trace_id, root_name, duration_nanos FROM {table('traces')} WHERE root_service = 'frontend' "
    "AND duration_nanos > 1000000000 ORDER BY start_unix_nanos DESC LIMIT 20",
)
timed(
    "a map attribute over everything",
    f"SELECT count(*) FROM {table('spans')} WHERE attributes['client.address'] = '10.8.1.1'",
)
rows = db.execute(f"SELECT count(*) FROM {table('spans')}").fetchone()[0]
columns = db.execute(
    f"SELECT path_in_schema, sum(total_compressed_size) FROM parquet_metadata([{', '.join(repr(p) for p in files['spans'])}]) "
    "GROUP BY 1 ORDER BY 2 DESC"
).fetchall()
print("bytes a span by column, the largest\t" + ", ".join(f"{name} {size / rows:.2f}" for name, size in columns[:14]))
