#!/usr/bin/env python3
"""B2: events of 237 bytes made durable, with 1, 16, 64 and 1,024 of them in flight. See README.md."""

import json
import pathlib
import re
import sqlite3
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from measure import BIN, arguments, medians, runs_of, scratch, table, take_turns, write_result  # noqa: E402
from peers import Postgres, Redis  # noqa: E402
from picture import bars  # noqa: E402

EVENT = "x" * 237
IN_FLIGHT = [1, 16, 64, 1024]


def of_stream_bench(what, name, seconds):
    """Both the floor and Millrace's log come from src/stream/stream_bench.cc."""

    def case(_):
        rows = []
        for in_flight in IN_FLIGHT:
            done = subprocess.run(
                [BIN / "stream_bench", f"--benchmark_filter=^{what}/{in_flight}/", f"--benchmark_min_time={seconds}", "--benchmark_format=json"],
                check=True, capture_output=True, text=True)  # fmt: skip
            found = json.loads(done.stdout)["benchmarks"][0]
            rows.append({"case": name, "in_flight": in_flight, "events_per_s": round(found["items_per_second"]), "p99_us": round(found["p99_us"], 1)})
        return rows

    return case


def redis(folder, seconds):
    def case(run):
        rows = []
        with Redis(folder / f"redis-{run}") as server:
            for in_flight in IN_FLIGHT:
                rate = 100 * in_flight / seconds  # a guess first, then as many as fit into the time
                for _ in range(2):
                    count = max(in_flight, int(seconds * rate))
                    text = subprocess.run(
                        ["redis-benchmark", "-s", server.socket, "-c", str(in_flight), "-n", str(count), "--precision", "3", "RPUSH", "log", EVENT],
                        check=True, capture_output=True, text=True).stdout  # fmt: skip
                    rate = float(re.search(r"throughput summary: ([\d.]+)", text)[1])
                p99 = float(re.search(r"p50\s+p95\s+p99\s+max\s+[\d.]+\s+[\d.]+\s+[\d.]+\s+[\d.]+\s+([\d.]+)", text)[1])
                rows.append({"case": "Redis, RPUSH, fsync always", "in_flight": in_flight, "events_per_s": round(rate), "p99_us": p99 * 1000})
        return rows

    return case


def postgres(folder, seconds):
    script = folder / "insert.sql"
    script.write_text(f"INSERT INTO log (event) VALUES ('{EVENT}');\n")

    def case(run):
        rows = []
        with Postgres(folder / f"postgres-{run}") as server:
            server.sql("CREATE TABLE log (id bigserial PRIMARY KEY, event text)")
            for in_flight in IN_FLIGHT:
                logs = server.folder / f"latencies-{in_flight}"
                text = subprocess.run(
                    [server.bin / "pgbench", "-h", server.folder, "-U", "postgres", "-n", "-M", "prepared", "-f", script, "-c", str(in_flight), "-j", "2",
                     *(["-t", "8"] if in_flight > 500 else ["-T", str(max(1, round(seconds)))]), "-l", f"--log-prefix={logs}", "postgres"],
                    check=True, capture_output=True, text=True).stdout  # fmt: skip
                times = sorted(int(line.split()[2]) for file in server.folder.glob(f"latencies-{in_flight}.*") for line in file.read_text().splitlines())
                rate = float(re.search(r"tps = ([\d.]+)", text)[1])
                rows.append({"case": "PostgreSQL, INSERT", "in_flight": in_flight, "events_per_s": round(rate), "p99_us": times[len(times) * 99 // 100]})
        return rows

    return case


def rocksdb(folder, seconds):
    def case(run):
        rows = []
        for in_flight in IN_FLIGHT:
            each = 10  # a guess first, then as many as fit into the time
            for turn in range(2):
                text = subprocess.run(
                    ["db_bench", f"--db={folder}/rocksdb-{run}-{in_flight}-{turn}", "--benchmarks=fillrandom", "--sync=1", f"--num={each}", f"--threads={in_flight}",
                     "--value_size=237", "--key_size=16", "--compression_type=none", "--histogram=1", "--write_buffer_size=268435456"],
                    check=True, capture_output=True, text=True)  # fmt: skip
                output = text.stdout + text.stderr
                rate = int(re.search(r"fillrandom\s*:.*?(\d+) ops/sec", output)[1])
                each = max(4, int(rate * seconds / in_flight))
            p99 = float(re.search(r"P99: ([\d.]+)", output)[1])
            rows.append({"case": "RocksDB, WAL synced", "in_flight": in_flight, "events_per_s": rate, "p99_us": p99})
        return rows

    return case


def sqlite(folder, seconds):
    """One writer: what is in flight goes into one transaction, its best case."""

    def case(run):
        rows = []
        for in_flight in IN_FLIGHT:
            database = sqlite3.connect(folder / f"sqlite-{run}-{in_flight}", isolation_level=None)
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("PRAGMA synchronous=FULL")
            database.execute("CREATE TABLE log (id INTEGER PRIMARY KEY, event TEXT)")
            events, times, begin = [(EVENT,)] * in_flight, [], time.perf_counter()
            while time.perf_counter() - begin < seconds:
                at = time.perf_counter()
                database.execute("BEGIN")
                database.executemany("INSERT INTO log (event) VALUES (?)", events)
                database.execute("COMMIT")
                times.append(time.perf_counter() - at)
            rate = len(times) * in_flight / (time.perf_counter() - begin)
            database.close()
            p99 = sorted(times)[len(times) * 99 // 100] * 1e6
            rows.append({"case": "SQLite, one transaction", "in_flight": in_flight, "events_per_s": round(rate), "p99_us": round(p99, 1)})
        return rows

    return case


def main():
    options = arguments(__doc__, seconds=(2.0, 0.4), runs=(3, 1))
    with scratch("b2") as folder:
        cases = {
            "raw": of_stream_bench("raw_floor", "raw write + fdatasync (floor)", options.seconds),
            "millrace": of_stream_bench("log_append/recycled", "Millrace's log", options.seconds),
            "millrace new": of_stream_bench("log_append/new", "Millrace's log, new segments", options.seconds),
            "redis": redis(folder, options.seconds),
            "postgres": postgres(folder, options.seconds),
            "rocksdb": rocksdb(folder, options.seconds),
            "sqlite": sqlite(folder, options.seconds),
        }
        rows = take_turns(options.runs, cases, options.only)

    def of(in_flight, value):
        return medians([row for row in rows if row["in_flight"] == in_flight], value)

    rates, p99 = {n: of(n, "events_per_s") for n in IN_FLIGHT}, {n: of(n, "p99_us") for n in IN_FLIGHT}
    names = list(rates[1])
    table("durable events/s (median), p99 µs", ["", *[f"{n:,} in flight" for n in IN_FLIGHT for _ in (0, 1)]],
          [[name, *[cell for n in IN_FLIGHT for cell in (rates[n][name]["median"], f"p99 {p99[n][name]['median']:,.0f}")]] for name in names])  # fmt: skip
    if options.only or options.keep_result:
        return
    raw, log = names[0], names[1]
    redis_name = next(name for name in names if name.startswith("Redis"))
    # The floor of a run and the log beside it in the same run: a ratio each, then the median of them.
    ratio = {n: of_pairs(rows, n, log, raw) for n in IN_FLIGHT}
    goal = {**{f"{n} in flight, of raw": 0.9 for n in IN_FLIGHT}, "64 in flight, of Redis": 10, "64 in flight, p99 µs at most": 200}
    reached = {**{f"{n} in flight, of raw": round(ratio[n] / 0.9, 3) for n in IN_FLIGHT},
               "64 in flight, of Redis": round(rates[64][log]["median"] / rates[64][redis_name]["median"] / 10, 3),
               "64 in flight, p99 µs at most": round(200 / p99[64][log]["median"], 3)}  # fmt: skip
    print("of the goal:", reached)
    write_result("b2-append", rows, goal, reached, f"{'quick' if options.quick else 'full'}: {options.seconds:g} s for each point, {runs_of(rows)} run(s)",
                 bars("B2: durable appends of 237 bytes", {f"{n:,} in flight": rates[n] for n in IN_FLIGHT}, "events a second", logarithmic=True))  # fmt: skip


def of_pairs(rows, in_flight, ours, other):
    import statistics

    def rate(case, run):
        return next(row["events_per_s"] for row in rows if (row["case"], row["in_flight"], row["run"]) == (case, in_flight, run))

    return statistics.median(rate(ours, run) / rate(other, run) for run in {row["run"] for row in rows})


if __name__ == "__main__":
    main()
