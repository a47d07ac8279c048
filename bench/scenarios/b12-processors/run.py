#!/usr/bin/env python3
"""B12: the CPU that one event costs where one, two and four processors share a topic, beside one server with its own log. See README.md."""

import collections
import contextlib
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "bench"), str(ROOT / "tests/kafka"), str(ROOT / "tests/faults")]
from measure import arguments, medians, runs_of, scratch, table, take_turns, write_result  # noqa: E402
from millrace_server import BINARY, KEY, Server  # noqa: E402
from picture import bars  # noqa: E402
from store_alone import StoreAlone  # noqa: E402

import brokers  # noqa: E402

PARTITIONS = 4
PROCESSORS = (1, 2, 4)
# By the names of threads: what of a server's CPU is whose.
PARTS = {"process-": "processing", "log-": "stream", "rdk:": "stream", "kafka-": "stream"}


def cpu_by_part(servers):
    """Seconds so far of the threads of these servers, summed by part: processing, stream (the log's or Kafka's client's), the rest."""
    found = collections.Counter()
    for server in servers:
        for task in pathlib.Path(f"/proc/{server.process.pid}/task").iterdir():
            with contextlib.suppress(OSError):
                name = (task / "comm").read_text().strip()
                fields = (task / "stat").read_text().rpartition(")")[2].split()
                part = next((part for prefix, part in PARTS.items() if name.startswith(prefix)), "rest")
                found[part] += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return found


def stored_by(servers):
    partitions = [p for server in servers for p in server.health()["partitions"]]
    return sum(p["stored_until"] for p in partitions)


def under_load(door, processors, folder, options, run):
    """Events at a steady rate into `door`; CPU of all by part and event, until all are stored."""
    servers = [door] + [one for one in processors if one is not door]
    before = cpu_by_part(servers)
    report = folder / "load.json"
    done = subprocess.run([BINARY, "load", "--url", f"http://{door.address}", "--key", KEY, "--quiet", "--json", report, "--no-proof", "--rate", str(options.rate), "--batch", "100",
                           "--connections", "16", "--for", f"{round(options.seconds * 1000)}ms", "--malformed", "0", "--repeats", "0", "--seed", str(run + 1)],
                          capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    events = json.loads(report.read_text())["accepted"]
    brokers.until(lambda: stored_by(processors) >= events, "everything is stored", 120)
    assert stored_by(processors) == events, "more is stored than was acknowledged"
    used = {part: round(seconds * 1e6 / events, 3) for part, seconds in (cpu_by_part(servers) - before).items()}
    return {f"{part}_us": used.get(part, 0.0) for part in ("processing", "stream", "rest")} | {"accepted": events}


def alone(folder, options):
    def case(run):
        home = folder / f"alone-{run}"
        home.mkdir()
        store = StoreAlone(home / "store")
        with Server(home / "data", log_level="warning", stream_partitions=PARTITIONS, store_url=store.url()) as server:
            server.wait_until_open()
            row = under_load(server, [server], home, options, run)
        store.close()
        return {"case": "one server, its own log", **row}

    return case


def shared(kafka, folder, count, options):
    def case(run):
        home = folder / f"shared-{count}-{run}"
        home.mkdir()
        store = StoreAlone(home / "store")
        common = {"log_level": "warning", "stream_kind": "kafka", "kafka_brokers": kafka.address, "kafka_topic": f"shared-{count}-{run}", "stream_partitions": PARTITIONS}
        with contextlib.ExitStack() as stack:
            door = stack.enter_context(Server(home / "ingest", roles="ingest", **common))
            processors = [stack.enter_context(Server(home / f"process-{i}", roles="process", store_url=store.url(), **common)) for i in range(count)]

            def owned():
                return sorted(p["partition"] for one in processors for p in one.health()["partitions"] if p["epoch"] > 0) == list(range(PARTITIONS))

            brokers.until(lambda: owned() and all(one.health()["partitions"] for one in processors), "every processor has partitions", 90)
            row = under_load(door, processors, home, options, run)
        store.close()
        return {"case": f"a topic, {count} processor{'s' if count > 1 else ''}", **row}

    return case


def main():
    options = arguments(__doc__, seconds=(15.0, 4.0), rate=(20_000, 10_000), runs=(3, 1))
    with scratch("b12") as folder, brokers.Brokers(folder / "kafka", 1) as kafka:
        cases = {"alone": alone(folder, options)}
        cases.update({f"shared-{count}": shared(kafka, folder, count, options) for count in PROCESSORS})
        rows = take_turns(options.runs, cases, options.only)
    parts = {part: medians(rows, f"{part}_us") for part in ("processing", "stream", "rest")}
    table("CPU µs an event, all servers together, without store and brokers (median)", ["", "processing", "log, or Kafka's client", "the rest (HTTP, parsing)"],
          [[name, *(parts[part][name]["median"] for part in parts)] for name in parts["processing"]])  # fmt: skip
    if options.only or options.keep_result:
        return

    def own(name):
        return parts["processing"][name]["median"] + parts["rest"][name]["median"]

    embedded = own("one server, its own log")
    goal = {f"{count} processors, of the embedded path's CPU": 1.15 for count in PROCESSORS}
    reached = {f"{count} processors, of the embedded path's CPU": round(1.15 / (own(f"a topic, {count} processor{'s' if count > 1 else ''}") / embedded), 3)
               for count in PROCESSORS}  # fmt: skip
    print(f"of the goal: {reached}")
    write_result("b12-processors", rows, goal, reached, f"{'quick' if options.quick else 'full'}: {options.seconds:g} s at {options.rate:,} events/s for each case, {runs_of(rows)} run(s)",
                 bars("B12: CPU of an event without log and Kafka's client, µs", {"processing": parts["processing"], "HTTP, parsing": parts["rest"]}, "µs an event"))  # fmt: skip


if __name__ == "__main__":
    main()
