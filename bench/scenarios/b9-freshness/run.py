#!/usr/bin/env python3
"""B9: how old is what viewers see. See README.md."""

import http.client
import json
import pathlib
import select
import statistics
import subprocess
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from measure import BIN, Cpu, arguments, runs_of, scratch, spread, table, take_turns, write_result  # noqa: E402
from millrace_server import BINARY, KEY, Server, free_port  # noqa: E402
from peers import Engine, Peer, Postgres, Redis, get  # noqa: E402
from picture import bars  # noqa: E402

PROBES = 50  # a second
CONFIG = """
[[property]]
name = "n"
type = "integer"
[[views]]
name = "probes"
where = ["=", "event", "probe"]
grain = "second"
horizon = "10m"
measures = ["count", "max(properties.n)"]
"""
SQL = "SELECT max(p_n) FROM millrace.events WHERE event = 'probe' AND time > now() - INTERVAL 20 SECOND"


class Ages:
    """Ages of numbered events for somebody who asks: number n was due at begin + (n - 1) / PROBES."""

    def __init__(self):
        self.begin, self.seen, self.ages, self.done = None, 0, [], threading.Event()

    def due(self, number):
        return self.begin + (number - 1) / PROBES

    def saw(self, highest):
        now = time.monotonic()
        self.ages += [(now - self.due(n)) * 1000 for n in range(self.seen + 1, highest + 1) if self.due(n) >= self.begin + 1]
        self.seen = max(self.seen, highest)

    def quantiles(self, name):
        ages = sorted(self.ages)
        return {f"{name}_p50_ms": round(statistics.median(ages), 1), f"{name}_p99_ms": round(ages[len(ages) * 99 // 100], 1), f"{name}_max_ms": round(ages[-1], 1)}


def watch_sql(port, ages):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    while not ages.done.is_set():
        begin = time.monotonic()
        connection.request("POST", "/", SQL, Engine.user)
        response = connection.getresponse()
        content = response.read()
        assert response.status == 200, content
        ages.saw(int(content) if content.strip().isdigit() else 0)  # NULL: none yet
        ages.done.wait(max(0.0, 0.05 - (time.monotonic() - begin)))
    connection.close()


def start_load(address, rate, seconds, folder, *flags):
    report = folder / f"load-{time.monotonic_ns()}.json"
    process = subprocess.Popen([str(part) for part in (BINARY, "load", "--url", f"http://{address}", "--key", KEY, "--rate", rate, "--connections", "128", "--for", f"{round(seconds * 1000)}ms", "--quiet",
                                                       "--json", report, *flags)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # fmt: skip
    return process, report


def start_viewers(address, topic, viewers, seconds):
    process = subprocess.Popen([str(part) for part in (BIN / "freshness", address, topic, KEY, viewers, seconds, PROBES)], stdout=subprocess.PIPE, text=True)
    begin = process.stdout.readline()
    assert begin.startswith("begin "), begin
    return process, int(begin.split()[1]) / 1e9


def finish_viewers(process):
    text = process.stdout.read()
    assert process.wait() == 0, text
    return json.loads(text)


def millrace(folder, rate, viewers, tick, options):
    name = f"Millrace, {rate // 1000}K events/s, {viewers:,} viewers, tick {tick} ms"

    def case(run):
        config = folder / "millrace.toml"
        config.write_text(CONFIG)
        port = free_port()
        with Server(folder / f"millrace-{run}-{rate}-{viewers}-{tick}", config=config, log_level="warning", engine_listen=f"127.0.0.1:{port}", engine_user=Engine.user["X-ClickHouse-User"],
                    engine_password=Engine.user["X-ClickHouse-Key"]) as server:  # fmt: skip
            server.wait_until_open()
            cpu = Cpu(server=server.process.pid)
            # The load is there before the first viewer and after the last number.
            loading, report = start_load(server.address, rate, options.seconds + 4 + viewers / 2500, folder, "--no-proof")
            topic = "/v1/live?topic=" + urllib.parse.quote("view:probes;window=5s", safe="") + f"&tick={tick}"
            watching, begin = start_viewers(server.address, topic, viewers, options.seconds)
            ages = Ages()
            ages.begin = begin
            asking = threading.Thread(target=watch_sql, args=(port, ages))
            asking.start()
            found = finish_viewers(watching)
            sent = found["sent"]
            time.sleep(1.5)  # for SQL to see the last of them; what it has not seen then counts as missing below
            ages.done.set()
            asking.join()
            output, _ = loading.communicate()
            assert loading.returncode == 0, output
            load = json.loads(report.read_text())
            server.wait_until_stored(300)
            used = cpu.us_per(load["accepted"])["server_cpu_us_per_event"]
            probes = server.query(measures=["count", "max(properties.n)"], where=["=", "event", "probe"], range="1h")["columns"]
            counted = server.query(measures=["count"], range="24h")["columns"][0]["values"][0]
            expected = load["accepted"] - load["repeats"] + sent
            assert [column["values"][0] for column in probes] == [sent, sent] and found["accepted"] == sent, (probes, found)
            assert found["viewers_up_to_date"] == viewers and ages.seen == sent, (found, ages.seen)
            assert counted == expected, f"{counted} of {expected}"
            return {"case": name, "rate": rate, "viewers": viewers, "tick_ms": tick, "screen_p50_ms": found["p50_ms"], "screen_p99_ms": found["p99_ms"], "screen_max_ms": found["max_ms"],
                    **ages.quantiles("sql"), "accepted_per_s": round(load["events_per_s"]), "kept_up": load["events_per_s"] >= 0.98 * rate * 0.999, "load_p99_us": round(load["latency"]["p99_us"]),
                    "refused": load["refused"], "frames": found["frames"], "frame_bytes": round(found["bytes"] / max(found["frames"], 1)), "counted": counted,
                    "server_cpu_us_per_event": used, "viewers_cpu_s": found["viewers_cpu_s"]}  # fmt: skip

    return case


# ---- peers ----


def postgres(folder, rate, notify, options):
    name = f"PostgreSQL, {'LISTEN/NOTIFY' if notify else 'polled each second'}, {rate // 1000}K events/s"

    def case(run):
        import importlib.util

        spec = importlib.util.spec_from_file_location("b1", pathlib.Path(__file__).resolve().parents[1] / "b1-incident/run.py")
        b1 = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(b1)
        paths = b1.batches(folder, "columns")
        with Postgres(folder / f"postgres-{run}-{notify}") as server:
            b1.make_counters(server)
            server.sql("CREATE TABLE probe (n bigint)")
            server.sql("INSERT INTO probe VALUES (0)")
            load = subprocess.Popen([str(part) for part in (server.bin / "pgbench", "-h", server.folder, "-U", "postgres", "-n", "-M", "prepared", *(part for path in paths for part in ("-f", path)),
                                                            "-c", 8, "-j", 2, "-R", rate // 1000, "-T", options.seconds + 4, "postgres")], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)  # fmt: skip
            time.sleep(1)
            ages, count = Ages(), options.seconds * PROBES
            ages.begin = time.monotonic() + 0.2
            reader = server.connect()
            reader.autocommit = True

            def poll():
                with reader.cursor() as cursor:
                    while not ages.done.wait(1):
                        cursor.execute("SELECT n FROM probe")
                        ages.saw(cursor.fetchone()[0])

            def listen():
                with reader.cursor() as cursor:
                    cursor.execute("LISTEN probes")
                while not ages.done.is_set():
                    if select.select([reader], [], [], 0.1)[0]:
                        reader.poll()
                        for one in reader.notifies:
                            ages.saw(int(one.payload))
                        reader.notifies.clear()

            watching = threading.Thread(target=listen if notify else poll)
            watching.start()
            with server.connect() as writer, writer.cursor() as cursor:
                writer.autocommit = True
                for number in range(1, count + 1):
                    time.sleep(max(0.0, ages.due(number) - time.monotonic()))
                    cursor.execute(f"UPDATE probe SET n = {number}" + (f"; NOTIFY probes, '{number}'" if notify else ""))
            writer.close()
            time.sleep(1.5)  # for a last poll
            ages.done.set()
            watching.join()
            reader.close()
            text, _ = load.communicate()
            import re

            done = float(re.search(r"tps = ([\d.]+)", text)[1]) * 1000
            assert ages.seen == count, (ages.seen, count)
            row = {"case": name, "rate": rate, "viewers": 1, **ages.quantiles("screen"), "accepted_per_s": round(done), "kept_up": done >= 0.95 * rate}
            return row if notify else {**row, **ages.quantiles("sql")}

    return case


class LiveCounters(Peer):
    name = "live_counters"

    def __init__(self, folder, redis):
        super().__init__(folder)
        self.redis, self.port = redis, free_port()

    def start(self):
        from measure import ROOT

        self.spawn(["node", ROOT / "bench/programs/live_counters.js", self.port, self.redis.socket])
        return self.wait_until(lambda: get(self.port, "/") == "ok")


def node(folder, rate, viewers, options):
    name = f"Redis + Node, {rate // 1000}K events/s, {viewers:,} viewers, tick 100 ms"

    def case(run):
        with Redis(folder / f"redis-{run}-{viewers}") as redis, LiveCounters(folder / f"node-{run}-{viewers}", redis) as server:
            cpu = Cpu(server=server.pid, redis=redis.pid)
            address = f"127.0.0.1:{server.port}"
            loading, report = start_load(address, rate, options.seconds + 4 + viewers / 2500, folder, "--no-proof", "--malformed", "0")
            watching, _ = start_viewers(address, "/v1/live", viewers, options.seconds)
            found = finish_viewers(watching)
            output, _ = loading.communicate()
            load = json.loads(report.read_text())
            return {"case": name, "rate": rate, "viewers": viewers, "tick_ms": 100, "screen_p50_ms": found["p50_ms"], "screen_p99_ms": found["p99_ms"], "screen_max_ms": found["max_ms"],
                    "accepted_per_s": round(load["events_per_s"]), "kept_up": load["events_per_s"] >= 0.98 * rate, "viewers_up_to_date": found["viewers_up_to_date"],
                    **cpu.us_per(load["accepted"])}  # fmt: skip

    return case


def main():
    options = arguments(__doc__, seconds=(12, 3), runs=(3, 1), viewers=(10_000, 500), few=(1_000, 200), rate=(50_000, 20_000), high=(200_000, 40_000))
    with scratch("b9") as folder:
        cases = {
            "millrace": millrace(folder, options.rate, options.viewers, 100, options),
            "millrace-few": millrace(folder, options.rate, options.few, 100, options),
            "millrace-default": millrace(folder, options.rate, options.few, 250, options),
            "millrace-high": millrace(folder, options.high, options.few, 100, options),
            "postgres-polled": postgres(folder, options.rate, False, options),
            "postgres-notify": postgres(folder, options.rate, True, options),
            "node": node(folder, options.rate, options.few, options),
        }
        rows = take_turns(options.runs, cases, options.only)
    names = list(dict.fromkeys(row["case"] for row in rows))

    def of(name, value):
        return spread([row.get(value) for row in rows if row["case"] == name])

    shown = ["screen_p50_ms", "screen_p99_ms", "sql_p50_ms", "sql_p99_ms", "accepted_per_s"]
    table("age in milliseconds (median of the runs)", ["", *shown], [[name, *[(of(name, value) or {}).get("median") for value in shown]] for name in names])
    if options.only or options.keep_result:
        return
    ours, high = names[0], names[3]
    goal = {"on screen, p99 ms, most viewers": 200, "on screen, p99 ms, fewer viewers": 200, "on screen, p99 ms, highest rate": 200, "in SQL, p99 ms": 1000, "in SQL, p99 ms, highest rate": 1000}
    reached = {"on screen, p99 ms, most viewers": 200 / of(ours, "screen_p99_ms")["median"], "on screen, p99 ms, fewer viewers": 200 / of(names[1], "screen_p99_ms")["median"],
               "on screen, p99 ms, highest rate": 200 / of(high, "screen_p99_ms")["median"], "in SQL, p99 ms": 1000 / of(ours, "sql_p99_ms")["median"],
               "in SQL, p99 ms, highest rate": 1000 / of(high, "sql_p99_ms")["median"]}  # fmt: skip
    reached = {key: round(value, 3) for key, value in reached.items()}
    print("of the goal:", reached)
    groups = {title: {name: of(name, value) for name in names if of(name, value)} for title, value in
              (("on screen, p50", "screen_p50_ms"), ("on screen, p99", "screen_p99_ms"), ("in SQL, p99", "sql_p99_ms"))}  # fmt: skip
    write_result("b9-freshness", rows, goal, reached, f"{'quick' if options.quick else 'full'}: {options.seconds} s of numbers for each case, {runs_of(rows)} run(s)",
                 bars("B9: how old is what one sees", groups, "milliseconds: less is better", logarithmic=True))  # fmt: skip


if __name__ == "__main__":
    main()
