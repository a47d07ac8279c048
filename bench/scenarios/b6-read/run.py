#!/usr/bin/env python3
"""B6: a dashboard of twelve panels. See README.md."""

import datetime
import http.client
import json
import pathlib
import random
import statistics
import subprocess
import sys
import threading
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[2]), str(pathlib.Path(__file__).resolve().parent)]
import dataset  # noqa: E402
from export import COLUMNS, files  # noqa: E402
from measure import arguments, scratch, table, write_result  # noqa: E402
from millrace_server import BINARY, KEY, free_port  # noqa: E402
from panels import CH, DUCK, PANELS, SQL, sql  # noqa: E402
from peers import Engine, Postgres, install_duckdb  # noqa: E402
from picture import bars  # noqa: E402


def text(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%S")


class Asker:
    """One client with a connection of its own. `ask(panel)` gives milliseconds and the answer."""

    def __init__(self, address, make):
        self.connection, self.make = http.client.HTTPConnection(address, timeout=120), make

    def ask(self, name):
        method, target, body, headers = self.make(name)
        begin = time.perf_counter()
        while True:
            self.connection.request(method, target, body, headers)
            response = self.connection.getresponse()
            content = response.read()
            if response.status not in (429, 503) and b"TOO_MANY_SIMULTANEOUS" not in content:
                break
            time.sleep(0.02)  # refused: whoever wants to know asks again, and has waited since the first time
        assert response.status == 200, content[:500]
        return (time.perf_counter() - begin) * 1000, content


def millrace(server, when):
    """Every question differs in its time limit, so that none is answered from a shared answer."""
    count = iter(range(10**9))

    def make(name):
        query = {"range": [text(when[0]).replace(" ", "T") + "Z", text(when[1]).replace(" ", "T") + "Z"], **PANELS[name][0], "max_time_ms": 60_000 - next(count) % 20_000}
        return "POST", "/v1/query", json.dumps(query), {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}

    return lambda: Asker(server.address, make)


def engine(port, when):
    def make(name):
        return "POST", "/?output_format_json_quote_64bit_integers=0", sql(name, CH, text(when[0]), text(when[1])) + " FORMAT JSONCompactColumns", Engine.user

    return lambda: Asker(f"127.0.0.1:{port}", make)


def clients(asker, count, seconds, runs):
    """{panel: [ms]}. One client asks each panel `runs` times in turn; several ask panels by chance for `seconds`."""
    times = {name: [] for name in PANELS}
    if count == 1:
        one = asker()
        for name in PANELS:
            one.ask(name)  # what a first question has to open is not what is compared
        for _ in range(runs):
            for name in PANELS:
                times[name].append(one.ask(name)[0])
        return times
    begin, lock = time.monotonic(), threading.Lock()

    def work(seed):
        one, chance = asker(), random.Random(seed)
        while time.monotonic() - begin < seconds:
            name = chance.choice(list(PANELS))
            took = one.ask(name)[0]
            with lock:
                times[name].append(took)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times


def rows_of(case, times, events, state, count):
    rows = []
    for name, some in times.items():
        some = sorted(some)
        if some:
            rows.append({"case": case, "panel": name, "events": events, "state": state, "clients": count, "asked": len(some), "p50_ms": round(statistics.median(some), 2),
                         "p99_ms": round(some[min(len(some) - 1, len(some) * 99 // 100)], 2), "min_ms": round(some[0], 2), "max_ms": round(some[-1], 2)})  # fmt: skip
    slowest = max(rows, key=lambda row: row["p50_ms"])
    every = sorted(ms for some in times.values() for ms in some)
    print(f"{case}, {state}, {count} client(s): {len(every)} asked, all panels p50 {statistics.median(every):.1f} ms, p99 {every[len(every) * 99 // 100]:.1f} ms; "
          f"slowest {slowest['panel']} p50 {slowest['p50_ms']} ms", flush=True)  # fmt: skip
    return rows


DUCKDB = """
import duckdb, json, sys, time
database, runs = sys.argv[1], int(sys.argv[2])
panels = json.load(sys.stdin)
db = duckdb.connect(database, read_only=True)
db.execute("SET enable_progress_bar = false")
times = {name: [] for name in panels}
for run in range(runs + 1):
    for name, sql in panels.items():
        begin = time.perf_counter()
        db.execute(sql).fetchall()
        if run > 0:
            times[name].append((time.perf_counter() - begin) * 1000)
print(json.dumps(times))
"""
DUCKDB_LOAD = """
import duckdb, sys
db = duckdb.connect(sys.argv[1])
db.execute("SET enable_progress_bar = false")
db.execute("CREATE TABLE events (" + sys.argv[2] + ")")
for path in sys.argv[3:]:
    db.execute("COPY events FROM '" + path + "' (FORMAT csv, HEADER false, NULLSTR '\\\\N', QUOTE '\\"', ESCAPE '\\"')")
"""


def peers(folder, paths, when, runs):
    """The same panels over fewer events: what a peer needs for all of them is in proportion."""
    rows, count = [], sum(path.read_bytes().count(b"\n") for path in paths)
    database = folder / "events.duckdb"
    kinds = {"text": "VARCHAR", "jsonb": "VARCHAR", "double precision": "DOUBLE", "timestamptz": "TIMESTAMP"}
    subprocess.run([install_duckdb(), "-c", DUCKDB_LOAD, database, ", ".join(f"{name} {kinds.get(kind, kind)}" for name, kind in COLUMNS), *paths], check=True)
    questions = json.dumps({name: sql(name, DUCK, text(when[0]), text(when[1])) for name in PANELS})
    done = subprocess.run([install_duckdb(), "-c", DUCKDB, database, str(runs)], input=questions, check=True, stdout=subprocess.PIPE, text=True)
    rows += rows_of("DuckDB", json.loads(done.stdout), count, "idle", 1)
    with Postgres(folder / "postgres", work_mem="256MB", timezone="UTC") as server:
        server.sql(f"CREATE TABLE events ({', '.join(f'{name} {kind}' for name, kind in COLUMNS)})")
        connection = server.connect()
        with connection.cursor() as cursor:
            for path in paths:
                with open(path, "rb") as file:
                    cursor.copy_expert("COPY events FROM STDIN (FORMAT csv, NULL '\\N')", file)
        connection.commit()
        server.sql("CREATE INDEX ON events (event, time)")
        server.sql("VACUUM ANALYZE events")
        times = {name: [] for name in PANELS}
        with connection.cursor() as cursor:
            for _ in range(min(runs, 3)):
                for name in PANELS:
                    begin = time.perf_counter()
                    cursor.execute(sql(name, SQL, text(when[0]), text(when[1])))
                    cursor.fetchall()
                    times[name].append((time.perf_counter() - begin) * 1000)
        connection.close()
    return rows + rows_of("PostgreSQL", times, count, "idle", 1)


def main():
    options = arguments(__doc__, events=(100_000_000, 1_000_000), peer_events=(2_000_000, 300_000), runs=(5, 2), seconds=(15, 3), load=(200_000, 50_000))
    found = dataset.make(options.events)
    when, rows = (int(found["began_at"]) - 660, int(found["ended_at"]) + 1), []
    with scratch("b6") as folder:
        port = free_port()
        with dataset.server(options.events, engine_listen=f"127.0.0.1:{port}", query_time_max="60s", **dataset.ENGINE_USER) as server:
            server.wait_until_open()
            cases = {"Millrace": millrace(server, when), "engine asked directly": engine(port, when)}
            for count in (1, 32):
                for name, asker in cases.items():
                    rows += rows_of(name, clients(asker, count, options.seconds, options.runs), found["events"], "idle", count)
            loading = subprocess.Popen([BINARY, "load", "--url", f"http://{server.address}", "--key", KEY, "--rate", str(options.load), "--connections", "128", "--for", "1h",
                                        "--no-proof", "--quiet"], stdout=subprocess.DEVNULL)  # fmt: skip
            try:
                time.sleep(3)  # until it is under way
                for count in (1, 32):
                    for name, asker in cases.items():
                        rows += rows_of(name, clients(asker, count, options.seconds, options.runs), found["events"], f"under {options.load:,} events/s", count)
            finally:
                loading.terminate()
                loading.wait()
                dataset.spoiled(options.events)
            paths = files(port, folder / "files", "csv", min(options.peer_events, found["events"])) if options.peer_events else []
        if paths:
            rows += peers(folder, paths, when, options.runs)

    def p50(case, panel, state="idle", count=1):
        return next((row["p50_ms"] for row in rows if (row["case"], row["panel"], row["state"], row["clients"]) == (case, panel, state, count)), None)

    events = {row["case"]: row["events"] for row in rows}
    names = list(events)
    table("milliseconds (median), one client, idle", ["panel", *[f"{name} ({events[name]:,} events)" for name in names]],
          [[panel, *[p50(name, panel) for name in names]] for panel in PANELS])  # fmt: skip
    ratio = {panel: p50("Millrace", panel) / p50("engine asked directly", panel) for panel in PANELS}
    slowest = max(p50("Millrace", panel) for panel in PANELS)
    scaled = slowest * 100e6 / found["events"]
    loaded = f"under {options.load:,} events/s"
    worst = statistics.median(next(row["p99_ms"] for row in rows if (row["case"], row["panel"], row["state"], row["clients"]) == ("Millrace", panel, loaded, 1)) /
                              next(row["p99_ms"] for row in rows if (row["case"], row["panel"], row["state"], row["clients"]) == ("Millrace", panel, "idle", 1)) for panel in PANELS)  # fmt: skip
    goal = {"ad hoc, times the engine directly, at most": 1.1, "slowest panel over 100 million events, ms": 1000, "under load, p99, times idle, at most": 2}
    reached = {"ad hoc, times the engine directly, at most": round(1.1 / statistics.median(ratio.values()), 3),
               "slowest panel over 100 million events, ms": round(1000 / scaled, 3), "under load, p99, times idle, at most": round(2 / worst, 3)}  # fmt: skip
    print(f"times the engine: {({panel: round(value, 2) for panel, value in ratio.items()})}\nslowest panel {slowest:.0f} ms over {found['events']:,} events, "
          f"{scaled:.0f} ms in proportion to 100 million; of the goal: {reached}")  # fmt: skip
    if options.keep_result:
        return
    groups = {panel: {f"{name} ({events[name] / 1e6:.3g}M events)": {"median": row["p50_ms"], "min": row["min_ms"], "max": row["max_ms"]}
                      for name in names for row in rows if (row["case"], row["panel"], row["state"], row["clients"]) == (name, panel, "idle", 1)} for panel in PANELS}  # fmt: skip
    write_result("b6-read", rows, goal, reached, f"{'quick' if options.quick else 'full'}: {found['events']:,} events, properties declared; peers fewer, see the rows",
                 bars("B6: twelve panels, one client, idle", groups, "milliseconds: less is better", logarithmic=True))  # fmt: skip


if __name__ == "__main__":
    main()
