#!/usr/bin/env python3
"""B3: events over HTTP, durable before they are acknowledged, beside what others take. See README.md."""

import json
import pathlib
import statistics
import subprocess
import sys
import threading
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[2]), str(pathlib.Path(__file__).resolve().parent)]
import bodies  # noqa: E402
from measure import Cpu, arguments, medians, resident_bytes, runs_of, scratch, table, take_turns, write_result  # noqa: E402
from millrace_server import BINARY, KEY, Server, columns  # noqa: E402
from peers import Collector, Engine, Influx, Postgres, QuestDb, Redis, get, post, quote  # noqa: E402
from picture import bars  # noqa: E402

SIZES = [1, 10, 100, 1000]
CONNECTIONS = {1: 64, 10: 64, 100: 64, 1000: 16}
EVENTS = "event LowCardinality(String), user_id String, session_id String, timestamp DateTime64(3), message_id String, properties String"


def load(server, folder, *flags):
    """`millrace load` against a server; everything that it measured. Fails unless accepted = stored = counted."""
    report = folder / "load.json"
    done = subprocess.run([BINARY, "load", "--url", f"http://{server.address}", "--key", KEY, "--quiet", "--json", report, *map(str, flags)],
                          capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(report.read_text())


def proved(server, found):
    """How many events a question counts, in a server that got nothing else. Fails unless accepted = stored = counted."""
    audit = server.health()["audit"]
    counted = sum(columns(server.query(measures=["count"], range="1h"))["count"])
    once = found["accepted"] - found["repeats"]
    lost = audit["failed"] + audit["lost"]
    assert audit["accepted"] == found["accepted"] and audit["stored"] == counted == once and lost == 0, f"{audit}, counted {counted}: {found}"
    return counted


class Watch:
    """Lag and memory of a server, four times a second."""

    def __init__(self, server, engine):
        self.server, self.engine, self.samples, self.done = server, engine, [], threading.Event()
        self.thread = threading.Thread(target=self._look, daemon=True)

    def _look(self):
        begin = time.monotonic()
        while not self.done.wait(0.25):
            health = self.server.health()
            behind = sum(p["durable_end"] - p["stored_until"] for p in health["partitions"])
            self.samples.append((time.monotonic() - begin, behind, resident_bytes(self.server.process.pid), resident_bytes(self.engine)))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()


def millrace(folder, size, options):
    def case(run):
        with Server(folder / f"millrace-{run}-{size}", log_level="warning") as server:
            engine = server.wait_until_open()["pid"]
            cpu = Cpu(server=server.process.pid, engine=engine)
            # The engine is the server's child: whole_tree would count it twice.
            found = load(server, folder, "--no-proof", "--rate", "max", "--batch", size, "--connections", CONNECTIONS[size], "--for", f"{round(options.seconds * 1000)}ms", "--seed", run + 1)
            sent = time.monotonic()
            server.wait_until_stored()
            seconds, events = found["seconds"] + time.monotonic() - sent, found["accepted"]
            # Before the proof: its question reads each event's properties, and what is asked becomes a column.
            used = cpu.us_per(events)
            used["server_cpu_us_per_event"] = round(used["server_cpu_us_per_event"] - used["engine_cpu_us_per_event"], 3)
            metrics, counted = server.metrics(), proved(server, found)
            return {"case": "Millrace", "size": size, "events_per_s": round(found["events_per_s"]), "p99_us": round(found["latency"]["p99_us"]),
                    "p50_us": round(found["latency"]["p50_us"]), **used, "generator_cpu_us_per_event": round(found["cpu_seconds"] * 1e6 / events, 3),
                    "stored_events_per_s": round(events / seconds), "accepted": events,
                    "refused": found["refused"], "counted": counted, "repeats": found["repeats"],
                    "log_bytes_per_event": round(metrics["millrace_stream_written_bytes_total"] / events, 1)}  # fmt: skip

    return case


def of_post(name, found, cpu, counted):
    events = found["accepted"]
    return {"case": name, "size": found["events_a_request"], "events_per_s": found["events_per_s"], "p99_us": found["p99_us"], "p50_us": found["p50_us"],
            **cpu.us_per(events), "generator_cpu_us_per_event": round(found["generator_cpu_s"] * 1e6 / max(events, 1), 3), "accepted": events,
            "refused": found["refused"], "counted": counted}  # fmt: skip


def questdb(folder, size, options):
    def case(run):
        name = bodies.write(folder / f"line-protocol-{size}", bodies.as_line_protocol, size)
        with QuestDb(folder / f"questdb-{run}-{size}") as server:
            warm = post(server.port, "/write", name, size, CONNECTIONS[size], options.seconds)["accepted"]  # a JVM compiles what it runs
            cpu = Cpu(server=server.pid)
            found = post(server.port, "/write", name, size, CONNECTIONS[size], options.seconds)
            visible = int(server.query("SELECT count() FROM events")) - warm
            deadline, counted = time.monotonic() + 60, visible
            while counted < found["accepted"] and time.monotonic() < deadline:
                time.sleep(0.1)  # its own writer runs behind
                counted = int(server.query("SELECT count() FROM events")) - warm
            return {**of_post("QuestDB 9.1, line protocol, no fsync", found, cpu, counted), "visible_at_once": visible}

    return case


def influx(folder, size, options):
    def case(run):
        name = bodies.write(folder / f"line-protocol-{size}", bodies.as_line_protocol, size)
        with Influx(folder / f"influx-{run}-{size}") as server:
            post_query(server.port, "CREATE DATABASE bench")
            cpu = Cpu(server=server.pid)
            found = post(server.port, "/write?db=bench&precision=ns", name, size, CONNECTIONS[size], options.seconds)
            answer = json.loads(get(server.port, "/query?db=bench&q=" + quote("SELECT count(items) FROM events")))
            return of_post("InfluxDB 1.6, line protocol, WAL fsynced", found, cpu, answer["results"][0]["series"][0]["values"][0][1])

    return case


def post_query(port, query):
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/query?q=" + quote(query))
    assert connection.getresponse().status == 200
    connection.close()


def engine(folder, size, options):
    def case(run):
        name = bodies.write(folder / f"json-{size}", bodies.as_json, size)
        with Engine(folder / f"engine-{run}-{size}") as server:
            server.query("CREATE DATABASE peer")
            server.query(f"CREATE TABLE peer.events ({EVENTS}) ENGINE = MergeTree ORDER BY (event, timestamp)")
            cpu = Cpu(engine=server.pid)
            target = "/?date_time_input_format=best_effort&input_format_json_read_objects_as_strings=1&query=" + quote("INSERT INTO peer.events FORMAT JSONEachRow")
            found = post(server.port, target, name, size, 8, options.seconds, *(f"{key}: {value}" for key, value in server.user.items()))
            return of_post("engine, JSONEachRow over HTTP, no fsync", found, cpu, int(server.query("SELECT count() FROM peer.events")))

    return case


def collector(folder, size, options):
    def case(run):
        name = bodies.write(folder / f"json-{size}", bodies.as_json, size)
        with Redis(folder / f"redis-{run}-{size}") as redis, Collector(folder / f"collector-{run}-{size}", redis) as server:
            warm = post(server.port, "/", name, size, CONNECTIONS[size], options.seconds / 2)["accepted"]  # as a JVM's
            cpu = Cpu(redis=redis.pid, server=server.pid)
            found = post(server.port, "/", name, size, CONNECTIONS[size], options.seconds)
            return of_post("Node collector + Redis stream, fsync always", found, cpu, int(redis.cli("XLEN", "events")) - warm)

    return case


def postgres(folder, size, options):
    """COPY of `size` rows a transaction from 16 threads of one Python process."""

    def case(run):
        import io

        texts = bodies.bodies(bodies.as_copy, size)
        with Postgres(folder / f"postgres-{run}-{size}") as server:
            server.sql("CREATE TABLE events (event text, user_id text, session_id text, time timestamptz, message_id text, properties jsonb)")
            server.sql("CREATE INDEX ON events (event, time)")
            cpu, counts, times = Cpu(server=server.pid), [0] * 16, [[] for _ in range(16)]
            begin = time.monotonic()

            def work(number):
                with server.connect() as connection, connection.cursor() as cursor:
                    at = number
                    while time.monotonic() - begin < options.seconds:
                        sent = time.monotonic()
                        cursor.copy_expert("COPY events FROM STDIN", io.StringIO(texts[at % len(texts)]))
                        connection.commit()
                        times[number].append(time.monotonic() - sent)
                        counts[number] += size
                        at += 16

            threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            seconds, latencies = time.monotonic() - begin, sorted(one for some in times for one in some)
            counted = int(server.sql("SELECT count(*) FROM events"))
            return {"case": "PostgreSQL 15, COPY, synchronous_commit", "size": size, "events_per_s": round(sum(counts) / seconds),
                    "p99_us": round(latencies[len(latencies) * 99 // 100] * 1e6), "p50_us": round(latencies[len(latencies) // 2] * 1e6),
                    **cpu.us_per(sum(counts)), "accepted": sum(counts), "refused": 0, "counted": counted}  # fmt: skip

    return case


def steady(folder, rate, options):
    """Open loop at a rate: does the store keep up? The lag in its middle and at its end."""

    def case(run):
        with Server(folder / f"steady-{run}-{rate}", log_level="warning") as server:
            engine_pid = server.wait_until_open()["pid"]
            with Watch(server, engine_pid) as watch:
                found = load(server, folder, "--rate", rate, "--batch", 100, "--connections", 256, "--for", f"{options.steady}s", "--seed", run + 1)
            behind = [(at, events) for at, events, _, _ in watch.samples if at < options.steady]
            middle = statistics.median(events for at, events in behind if options.steady * 0.3 < at <= options.steady * 0.6)
            end = statistics.median(events for at, events in behind if at > options.steady * 0.8)
            sent = found["events_per_s"] >= 0.98 * rate
            return {"case": f"Millrace, open loop, {rate:,}/s", "rate": rate, "accepted_per_s": round(found["events_per_s"]),
                    "p99_us": round(found["latency"]["p99_us"]), "behind_in_the_middle": round(middle), "behind_at_the_end": round(end),
                    "kept_up": bool(sent and end <= max(1.5 * middle, 1.0 * rate)), "refused": found["refused"]}  # fmt: skip

    return case


def overload(folder, options, peak):
    """Open loop at three times what was the most in a closed loop."""

    def case(run):
        with Server(folder / f"overload-{run}", log_level="warning") as server:
            engine_pid = server.wait_until_open()["pid"]
            rate = round(3 * peak())
            with Watch(server, engine_pid) as watch:
                found = load(server, folder, "--rate", rate, "--batch", 100, "--connections", 512, "--for", f"{options.steady}s", "--seed", run + 1)
            return {"case": "Millrace, three times too much", "rate": rate, "accepted_per_s": round(found["events_per_s"]), "refused": found["refused"],
                    "never_sent": found["unsent_requests"] * 100, "goodput": round(found["events_per_s"] / peak(), 3),
                    "answer_p99_us": round(found["service"]["p99_us"]), "refusal_p99_us": round(found["refusals"]["p99_us"]),
                    "server_mb_at_most": round(max(server_bytes for _, _, server_bytes, _ in watch.samples) / 1e6),
                    "engine_mb_at_most": round(max(engine_bytes for _, _, _, engine_bytes in watch.samples) / 1e6)}  # fmt: skip

    return case


def main():
    options = arguments(__doc__, seconds=(3.0, 1.0), steady=(15, 3), runs=(3, 1), rates=("200000,300000,400000,500000", "100000"))
    peers = {"questdb": questdb, "engine": engine, "collector": collector, "influx": influx, "postgres": postgres}
    with scratch("b3") as folder:
        cases = {f"millrace-{size}": millrace(folder, size, options) for size in SIZES}
        for size in (100, 1000) if options.quick else (1, 100, 1000):
            cases.update({f"{name}-{size}": case(folder, size, options) for name, case in peers.items()})
        rows = take_turns(options.runs, cases, options.only)
        peak = [row["events_per_s"] for row in rows if row["case"] == "Millrace" and row["size"] == 100]
        late = {f"steady-{rate}": steady(folder, int(rate), options) for rate in options.rates.split(",") if rate}
        if peak:
            late["overload"] = overload(folder, options, lambda: statistics.median(peak))
        rows += take_turns(1, late, options.only)
    for row in rows:
        missing = row.get("accepted", 0) - row.get("repeats", 0) - row.get("counted", row.get("accepted", 0) - row.get("repeats", 0))
        if missing:
            print(f"not all that was acknowledged is counted: {row['case']}, {row['size']} a request: {missing} of {row['accepted']} are missing")

    def of(size, value="events_per_s"):
        return medians([row for row in rows if row.get("size") == size], value)

    names = list(dict.fromkeys(row["case"] for row in rows if "size" in row))
    table("events/s acknowledged (median); CPU µs an event of its processes", ["", *[text for size in SIZES for text in (f"{size:,} a request", "CPU")]],
          [[name, *[cell for size in SIZES for cell in ((of(size).get(name) or {}).get("median"), cpu_of(rows, name, size))]] for name in names])  # fmt: skip
    if options.only or options.keep_result:
        return
    steadies = {row["rate"]: [one["kept_up"] for one in rows if one.get("rate") == row["rate"] and "kept_up" in one] for row in rows if "kept_up" in row}
    kept = [rate for rate, all_runs in steadies.items() if all(all_runs)]
    most_stored = statistics.median(row["stored_events_per_s"] for row in rows if row["case"] == "Millrace" and row["size"] == 100)
    over = [row for row in rows if row["case"] == "Millrace, three times too much"][-1]
    goal = {"100 a request, events/s": 1_000_000, "1 a request, events/s": 100_000, "sustained, events/s": 400_000, "overload, goodput": 0.9,
            "overload, refusals within ms": 10, "CPU of all processes, µs an event": 2.0}  # fmt: skip
    reached = {"100 a request, events/s": of(100)["Millrace"]["median"] / 1e6, "1 a request, events/s": of(1)["Millrace"]["median"] / 1e5,
               "sustained, events/s": max([0, *kept]) / 4e5, "overload, goodput": over["goodput"] / 0.9,
               "CPU of all processes, µs an event": 2.0 / cpu_of(rows, "Millrace", 100)}  # fmt: skip
    if over["refusal_p99_us"]:  # else nothing was refused: its connections all waited for an answer
        reached["overload, refusals within ms"] = 10_000 / over["refusal_p99_us"]
    else:
        del goal["overload, refusals within ms"]
    for size in (1, 100, 1000):
        for name in names:
            if name != "Millrace" and name in of(size) and ("QuestDB" in name or "engine" in name):
                key = f"{size} a request, times {name.split(',')[0]}"
                goal[key], reached[key] = 1, of(size)["Millrace"]["median"] / max(of(size)[name]["median"], 1)
    reached = {key: round(value, 3) for key, value in reached.items()}
    print(f"stored until all was in the store: {most_stored:,.0f} events/s; of the goal: {reached}")
    groups = {f"{size:,} a request": {name: of(size)[name] for name in names if name in of(size)} for size in SIZES}
    write_result("b3-ingest", rows, goal, reached, f"{'quick' if options.quick else 'full'}: {options.seconds:g} s for each case, {options.steady} s for each open loop, {runs_of(rows)} run(s)",
                 bars("B3: events acknowledged, on cores shared with the generator", groups, "events a second", logarithmic=True))  # fmt: skip


def cpu_of(rows, name, size):
    """Of all processes but the generator."""
    found = [sum(value for key, value in row.items() if key.endswith("_cpu_us_per_event") and not key.startswith("generator"))
             for row in rows if row["case"] == name and row.get("size") == size]  # fmt: skip
    return round(statistics.median(found), 3) if found else None


if __name__ == "__main__":
    main()
