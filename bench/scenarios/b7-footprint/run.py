#!/usr/bin/env python3
"""B7: loading many events, and what they take. See README.md."""

import pathlib
import shutil
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
import dataset  # noqa: E402
from export import COLUMNS, files, insert_files  # noqa: E402
from measure import arguments, cpu_seconds, device_written_bytes, disk_bytes, scratch, table, take_turns, write_result  # noqa: E402
from millrace_server import free_port  # noqa: E402
from peers import Engine, Postgres, ask_engine, install_duckdb  # noqa: E402
from picture import bars  # noqa: E402

# The CREATE statement of Millrace's own table.
STRUCTURE = "SELECT create_table_query FROM system.tables WHERE database = 'millrace' AND name = 'events' FORMAT TSVRaw"


def millrace(events):
    """Everything: HTTP, JSON, log, ids, store; acknowledged durable; until all of it is stored."""

    def case(_):
        found = dataset.make(events, by_this_program=True)
        cpu, written = found["server_cpu_s"] + found["engine_cpu_s"], found["device_bytes"]
        count = found["accepted"]
        return {"case": "Millrace, HTTP to stored", "rows": found["events"], "rows_per_s": found["stored_per_s"], "acknowledged_per_s": found["acknowledged_per_s"],
                "cpu_us_per_row": round(cpu * 1e6 / count, 3), "server_cpu_us_per_row": round(found["server_cpu_s"] * 1e6 / count, 3),
                "engine_cpu_us_per_row": round(found["engine_cpu_s"] * 1e6 / count, 3), "body_bytes_per_row": round(found["body_bytes"] / count, 1),
                "log_bytes_per_row": round(found["log_bytes"] / count, 1), "store_disk_bytes_per_row": round(found["store_bytes"] / found["events"], 1),
                "written_bytes_per_row": round(written / count, 1),
                "write_amplification": round(written / found["body_bytes"], 3)}  # fmt: skip

    return case


def engine(folder, name, form, paths, rows, port):
    """The same rows into a table of the same structure, with the engine's default of no fsync, 100,000 rows a request."""

    def case(run):
        shutil.rmtree(folder / name, ignore_errors=True)
        with Engine(folder / name) as server:
            server.query("CREATE DATABASE peer")
            create = ask_engine(port, STRUCTURE).decode().replace("CREATE TABLE millrace.events", "CREATE TABLE peer.events", 1)
            server.query(create)
            written, before, begin = device_written_bytes(folder), cpu_seconds(server.pid), time.monotonic()
            insert_files(server.port, paths, "peer.events", form)
            seconds = time.monotonic() - begin
            counted = int(server.query("SELECT count() FROM peer.events"))
            assert counted == rows, f"{counted} of {rows}"
            wait_for_merges(server)
            return {"case": f"engine alone, {form}", "rows": rows, "rows_per_s": round(rows / seconds), "cpu_us_per_row": round((cpu_seconds(server.pid) - before) * 1e6 / rows, 3),
                    "written_bytes_per_row": round((device_written_bytes(folder) - written) / rows, 1),
                    "store_disk_bytes_per_row": round(int(server.query("SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = 'peer'")) / rows, 1)}  # fmt: skip

    return case


def wait_for_merges(server, timeout_s=60):
    deadline = time.monotonic() + timeout_s
    while int(server.query("SELECT count() FROM system.merges")) > 0 and time.monotonic() < deadline:
        time.sleep(0.2)  # polling a state that nothing announces


def postgres(folder, paths, rows):
    def case(run):
        shutil.rmtree(folder / "postgres", ignore_errors=True)
        with Postgres(folder / "postgres") as server:
            server.sql(f"CREATE TABLE events ({', '.join(f'{name} {kind}' for name, kind in COLUMNS)})")
            server.sql("CREATE INDEX ON events (event, time)")
            written, before, begin = device_written_bytes(folder), cpu_seconds(server.pid, True), time.monotonic()
            with server.connect() as connection, connection.cursor() as cursor:
                for path in paths:
                    with open(path, "rb") as file:
                        cursor.copy_expert("COPY events FROM STDIN (FORMAT csv, NULL '\\N')", file)
                    connection.commit()
            connection.close()
            seconds = time.monotonic() - begin
            assert int(server.sql("SELECT count(*) FROM events")) == rows
            server.sql("CHECKPOINT")
            return {"case": "PostgreSQL 15, COPY, one index", "rows": rows, "rows_per_s": round(rows / seconds),
                    "cpu_us_per_row": round((cpu_seconds(server.pid, True) - before) * 1e6 / rows, 3),
                    "written_bytes_per_row": round((device_written_bytes(folder) - written) / rows, 1),
                    "store_disk_bytes_per_row": round(int(server.sql("SELECT pg_total_relation_size('events')")) / rows, 1)}  # fmt: skip

    return case


DUCKDB = """
import duckdb, resource, sys, time
database, rows, *paths = sys.argv[1:]
db = duckdb.connect(database)
db.execute("CREATE TABLE events (event VARCHAR, time TIMESTAMPTZ, received TIMESTAMPTZ, user_id VARCHAR, session_id VARCHAR, message_id VARCHAR, properties VARCHAR, "
           "path VARCHAR, project VARCHAR, plan VARCHAR, price DOUBLE, items BIGINT, mobile BOOLEAN)")
begin = time.monotonic()
for path in paths:
    db.execute("INSERT INTO events SELECT * FROM read_csv(?, header=false, nullstr='\\\\N', columns={'event':'VARCHAR','time':'TIMESTAMPTZ','received':'TIMESTAMPTZ',"
               "'user_id':'VARCHAR','session_id':'VARCHAR','message_id':'VARCHAR','properties':'VARCHAR','path':'VARCHAR','project':'VARCHAR','plan':'VARCHAR','price':'DOUBLE',"
               "'items':'BIGINT','mobile':'BOOLEAN'}, quote='\\"', escape='\\"')", [path])
db.execute("CHECKPOINT")
seconds = time.monotonic() - begin
assert db.execute("SELECT count(*) FROM events").fetchone()[0] == int(rows)
db.close()
used = resource.getrusage(resource.RUSAGE_SELF)
print(seconds, used.ru_utime + used.ru_stime)
"""


def duckdb(folder, paths, rows):
    def case(run):
        database = folder / "events.duckdb"
        for old in folder.glob("events.duckdb*"):
            old.unlink()
        begin = device_written_bytes(folder)
        done = subprocess.run([install_duckdb(), "-c", DUCKDB, str(database), str(rows), *map(str, paths)], check=True, stdout=subprocess.PIPE, text=True)
        seconds, cpu = map(float, done.stdout.split())
        written = device_written_bytes(folder) - begin
        return {"case": "DuckDB, CSV, a transaction a file", "rows": rows, "rows_per_s": round(rows / seconds), "cpu_us_per_row": round(cpu * 1e6 / rows, 3),
                "written_bytes_per_row": round(written / rows, 1), "store_disk_bytes_per_row": round(disk_bytes(database) / rows, 1)}  # fmt: skip

    return case


def main():
    options = arguments(__doc__, events=(100_000_000, 1_000_000), peer_events=(5_000_000, 500_000), runs=(1, 1))
    rows = []
    if not options.only or options.only in "millrace":
        rows += take_turns(1, {"millrace": millrace(options.events)})
    found = dataset.make(options.events)
    count = min(options.peer_events, found["events"])
    with scratch("b7") as folder:
        port = free_port()
        with dataset.server(options.events, engine_listen=f"127.0.0.1:{port}", **dataset.ENGINE_USER) as source:
            source.wait_until_open()
            paths = {kind: files(port, folder / "files", kind, count) for kind in ("native", "json", "csv")}
            exported = count_lines(paths["csv"])
            cases = {
                "native": engine(folder, "native", "Native", paths["native"], exported, port),
                "json": engine(folder, "json", "JSONEachRow", paths["json"], exported, port),
            }
            rows += take_turns(options.runs, cases, options.only)
        cases = {"duckdb": duckdb(folder, paths["csv"], exported), "postgres": postgres(folder, paths["csv"], exported)}
        rows += take_turns(options.runs, cases, options.only)
    names = list(dict.fromkeys(row["case"] for row in rows))

    def median(name, value):
        found = [row[value] for row in rows if row["case"] == name and value in row]
        return statistics.median(found) if found else None

    columns = ["rows", "rows_per_s", "cpu_us_per_row", "store_disk_bytes_per_row", "written_bytes_per_row"]
    table("load and footprint (median)", ["", *columns], [[name, *[median(name, column) for column in columns]] for name in names])
    if options.only or options.keep_result:
        return
    ours, native, pg = names[0], names[1], names[4]
    goal = {"of the engine's Native insert": 0.8, "disk, times the engine's, at most": 1.1, "disk, of PostgreSQL's, at most": 0.2, "write amplification, at most": 3}
    reached = {"of the engine's Native insert": median(ours, "rows_per_s") / median(native, "rows_per_s") / 0.8,
               "disk, times the engine's, at most": 1.1 / (median(ours, "store_disk_bytes_per_row") / median(native, "store_disk_bytes_per_row")),
               "disk, of PostgreSQL's, at most": 0.2 / (median(ours, "store_disk_bytes_per_row") / median(pg, "store_disk_bytes_per_row")),
               "write amplification, at most": 3 / median(ours, "write_amplification")}  # fmt: skip
    reached = {key: round(value, 3) for key, value in reached.items()}
    print("of the goal:", reached)
    groups = {title: {name: {"median": median(name, value), "min": median(name, value), "max": median(name, value)} for name in names if median(name, value)}
              for title, value in (("rows a second", "rows_per_s"), ("CPU µs a row", "cpu_us_per_row"), ("bytes on disk a row", "store_disk_bytes_per_row"),
                                   ("bytes written a row", "written_bytes_per_row"))}  # fmt: skip
    form = f"{'quick' if options.quick else 'full'}: Millrace {options.events:,} events, peers {count:,} of them"
    write_result("b7-footprint", rows, goal, reached, form, bars("B7: load and footprint", groups, "each in its own unit", own_scales=True))


def count_lines(paths):
    return sum(path.read_bytes().count(b"\n") for path in paths)


if __name__ == "__main__":
    main()
