#!/usr/bin/env python3
"""B10: kill -9 under load, and starting on a long log. See README.md."""

import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
import dataset  # noqa: E402
from measure import arguments, cpu_seconds, disk_bytes, runs_of, scratch, table, take_turns, write_result  # noqa: E402
from millrace_server import BINARY, KEY, Server, free_port  # noqa: E402
from peers import Engine, Postgres, Redis  # noqa: E402
from picture import bars  # noqa: E402


def until(ready, timeout_s=600):
    """Seconds until `ready()` is true; what it raises counts as not yet."""
    begin = time.monotonic()
    while True:
        try:
            if ready():
                return time.monotonic() - begin
        except Exception:  # noqa: BLE001, S110 - the server is not there yet
            pass
        assert time.monotonic() - begin < timeout_s
        time.sleep(0.005)  # polling a state that nothing announces


def kill_whole(server):
    """Server and engine, as a dying machine takes them."""
    os.killpg(server.process.pid, signal.SIGKILL)
    server.process.wait()


def begin_again(server):
    """Starts it; seconds from exec to the port, to the first event that is acknowledged, and to everything stored and asked about."""
    begin, done = time.monotonic(), {}

    def one(name, ready):
        until(ready)
        done[name] = round(time.monotonic() - begin, 3)

    starting = threading.Thread(target=server.start, daemon=True)
    starting.start()
    event = json.dumps({"event": "probe", "user_id": "probe", "message_id": f"probe-{time.time_ns()}"})
    server.address = server.settings["listen"]

    def acknowledged():
        status, _, _ = server.request("POST", "/v1/events", event, {"Content-Type": "application/json"}, timeout_s=5)
        return status == 200

    one("first_acknowledgement_s", acknowledged)
    # A dashboard is right once everything that had been acknowledged before is in an answer of the store.
    durable = {p["partition"]: p["durable_end"] for p in server.health()["partitions"]}

    def right():
        health = server.health()
        if not health["store"]["open"] or any(p["stored_until"] < durable[p["partition"]] for p in health["partitions"]):
            return False
        return server.query(measures=["count"], range="1h")["columns"][0]["values"][0] > 0

    one("right_answers_s", right)
    starting.join()
    return done


def killed(folder, options):
    """kill -9 of everything in the midst of an open loop, which goes on sending and proves afterwards that each event is there once."""

    def case(run):
        data = folder / f"killed-{run}"
        server = Server(data, log_level="warning", listen=f"127.0.0.1:{free_port()}")
        with server:
            server.wait_until_open()
            report = folder / f"load-{run}.json"
            loading = subprocess.Popen([BINARY, "load", "--url", f"http://{server.address}", "--key", KEY, "--rate", str(options.rate), "--connections", "128", "--for",
                                        f"{options.seconds}s", "--seed", str(run + 1), "--quiet", "--json", report], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # fmt: skip
            time.sleep(options.seconds / 2)
            kill_whole(server)
            found = begin_again(server)
            output, _ = loading.communicate()
            result = json.loads(report.read_text())
            # Beside the load's own events there is the one that asked whether the server is there again.
            proof = result["proof"]
            whole = proof["counted_min"] <= proof["counted"] <= proof["counted_max"] and proof["stored"] == proof["counted"] + 1 and proof["lost"] == 0
            assert whole, output
            return {"case": f"Millrace, kill -9 at {options.rate:,} events/s", **found, "acknowledged": result["accepted"], "without_answer": result["unknown"],
                    "counted": result["proof"]["counted"], "nothing_lost_or_twice": whole}  # fmt: skip

    return case


def long_log(events):
    """A dataset's folder, killed and started."""

    def case(run):
        log_gb = round(disk_bytes(dataset.folder_of(events) / "data/log") / 1e9, 2)
        server = dataset.server(events, listen=f"127.0.0.1:{free_port()}")
        server.start()
        server.wait_until_open()
        kill_whole(server)
        found = begin_again(server)
        server.stop()
        return {"case": f"Millrace, start with {events:,} events", "log_gb": log_gb, "stored_events": dataset.make(events)["events"], **found}

    return case


def anew(folder, events):
    """A start that has a copy of the dataset's log and nothing else. All of the log must be there: as many events as the default keeps."""

    def case(run):
        source = dataset.folder_of(events)
        data = folder / f"anew-{run}"
        shutil.copytree(source / "data", data, ignore=lambda at, names: [name for name in names if pathlib.Path(at) == source / "data" and name in ("engine", "process")])
        log_gb = round(disk_bytes(data / "log") / 1e9, 2)
        server = Server(data, listen=f"127.0.0.1:{free_port()}", config=dataset.config(source), log_level="warning")
        before = time.monotonic()
        found = begin_again(server)
        seconds, cpu = time.monotonic() - before, cpu_seconds(server.process.pid)
        health = server.health()
        replayed = sum(p["rows"] + p["repeats"] for p in health["partitions"])
        engine = cpu_seconds(health["engine"]["pid"])
        server.stop()
        shutil.rmtree(data)
        return {"case": f"Millrace, {events:,} events anew from the log", "log_gb": log_gb, **found, "events": replayed, "events_per_s": round(replayed / seconds),
                "events_per_server_cpu_s": round(replayed / cpu), "events_per_cpu_s_of_all": round(replayed / (cpu + engine))}  # fmt: skip

    return case


def redis(folder, options):
    """Killed, and started on its append-only file of `peer_gb`."""

    def case(run):
        server = Redis(folder / f"redis-{run}", fsync="no")
        with server:
            count = int(options.peer_gb * 1e9 / 300)
            subprocess.run(["redis-benchmark", "-s", server.socket, "-q", "-P", "100", "-c", "16", "-n", str(count), "XADD", "log", "*", "e", "x" * 237], check=True,
                           stdout=subprocess.DEVNULL)  # fmt: skip
            time.sleep(1)
            size = disk_bytes(server.folder)
            server.kill()
            begin = time.monotonic()
            server.start()
            first = time.monotonic() - begin
            return {"case": f"Redis, start on a log of {options.peer_gb:g} GB", "log_gb": round(size / 1e9, 2), "first_acknowledgement_s": round(first, 3),
                    "right_answers_s": round(first, 3), "events_per_s": round(count / first), "events_per_server_cpu_s": round(count / max(cpu_seconds(server.pid), 0.01))}  # fmt: skip

    return case


def postgres(folder, options):
    """Killed in the midst of inserts, with about as much log to replay as its settings let gather."""

    def case(run):
        server = Postgres(folder / f"postgres-{run}", checkpoint_timeout="1h", max_wal_size="20GB")
        with server:
            server.sql("CREATE TABLE log (id bigserial PRIMARY KEY, event text)")
            count = int(options.peer_gb * 1e9 / 450)
            server.sql(f"INSERT INTO log (event) SELECT repeat('x', 237) FROM generate_series(1, {count})")
            wal = int(server.sql("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')"))
            server.kill()
            for pid in (server.folder / "data/postmaster.pid",):
                pid.unlink(missing_ok=True)
            begin = time.monotonic()
            server.start()
            first = until(lambda: server.sql("INSERT INTO log (event) VALUES ('probe') RETURNING id"))
            first = time.monotonic() - begin
            assert int(server.sql("SELECT count(*) FROM log")) == count + 1
            return {"case": f"PostgreSQL, start on a log of {options.peer_gb:g} GB", "log_gb": round(wal / 1e9, 2), "first_acknowledgement_s": round(first, 3),
                    "right_answers_s": round(first, 3), "events_per_s": round(count / first)}  # fmt: skip

    return case


def engine_alone(folder, options):
    """Killed and started on the same number of rows; what it had acknowledged without a sync is not promised to be there."""

    def case(run):
        server = Engine(folder / f"engine-{run}")
        with server:
            count = int(options.peer_gb * 1e9 / 200)
            server.query("CREATE DATABASE peer")
            server.query("CREATE TABLE peer.log (event String) ENGINE = MergeTree ORDER BY tuple()")
            server.query(f"INSERT INTO peer.log SELECT concat(toString(number), repeat('x', 200)) FROM numbers({count})")
            kill_whole(server.server)
            begin = time.monotonic()
            server.start()
            server.query("INSERT INTO peer.log VALUES ('probe')")
            first = time.monotonic() - begin
            server.query("SELECT count() FROM peer.log")
            return {"case": "engine alone, start (a Millrace in front)", "first_acknowledgement_s": round(first, 3), "right_answers_s": round(time.monotonic() - begin, 3)}

    return case


def main():
    options = arguments(__doc__, rate=(200_000, 20_000), seconds=(20, 6), events=("5000000,100000000", "1000000"), anew=(5_000_000, 1_000_000),
                        peer_gb=(1.0, 0.05), runs=(3, 1))  # fmt: skip
    with scratch("b10") as folder:
        longs = [int(events) for events in options.events.split(",")]
        for events in {*longs, options.anew}:
            if not options.only or options.only in f"long-{events} anew":
                dataset.make(events)
        cases = {"killed": killed(folder, options), **{f"long-{events}": long_log(events) for events in longs}, "anew": anew(folder, options.anew),
                 "redis": redis(folder, options), "postgres": postgres(folder, options), "engine": engine_alone(folder, options)}  # fmt: skip
        rows = take_turns(options.runs, cases, options.only)
    names = list(dict.fromkeys(row["case"] for row in rows))

    def median(name, value):
        found = [row[value] for row in rows if row["case"] == name and value in row]
        return statistics.median(found) if found else None

    columns = ["log_gb", "first_acknowledgement_s", "right_answers_s", "events_per_s", "events_per_server_cpu_s"]
    table("after a kill -9 (median)", ["", *columns], [[name, *[median(name, column) for column in columns]] for name in names])
    if options.only or options.keep_result:
        return
    ours, again = [name for name in names if "Millrace, kill" in name][0], [name for name in names if "anew" in name][-1]
    long = [name for name in names if "Millrace, start" in name][-1]
    goal = {"first acknowledgement, s": 1, "right answers, s": 10, "start on the longest log, first acknowledgement, s": 1, "replay, events a core second": 1_000_000}
    reached = {"first acknowledgement, s": 1 / median(ours, "first_acknowledgement_s"), "right answers, s": 10 / median(ours, "right_answers_s"),
               "start on the longest log, first acknowledgement, s": 1 / median(long, "first_acknowledgement_s"),
               "replay, events a core second": median(again, "events_per_server_cpu_s") / 1e6}  # fmt: skip
    reached = {key: round(value, 3) for key, value in reached.items()}
    print("of the goal:", reached)
    groups = {}
    for title, value in (("first acknowledgement, seconds", "first_acknowledgement_s"), ("right answers, seconds", "right_answers_s")):
        groups[title] = {name: {"median": median(name, value), "min": min(row[value] for row in rows if row["case"] == name and value in row),
                                "max": max(row[value] for row in rows if row["case"] == name and value in row)} for name in names if median(name, value)}  # fmt: skip
    write_result("b10-recovery", rows, goal, reached, f"{'quick' if options.quick else 'full'}: logs of {options.events} events, {runs_of(rows)} run(s)", bars("B10: after a kill -9", groups, "seconds: less is better", logarithmic=True))


if __name__ == "__main__":
    main()
