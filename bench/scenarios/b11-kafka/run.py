#!/usr/bin/env python3
"""B11: events acknowledged by three brokers through HTTP, beside Kafka's own kafka-producer-perf-test. See README.md."""

import json
import pathlib
import re
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "bench"), str(ROOT / "bench/scenarios/b3-ingest"), str(ROOT / "tests/kafka")]
import bodies  # noqa: E402
from measure import Cpu, arguments, medians, runs_of, scratch, table, take_turns, write_result  # noqa: E402
from millrace_server import BINARY, KEY, Server  # noqa: E402
from picture import bars  # noqa: E402

import brokers  # noqa: E402

PARTITIONS = 3
CONNECTIONS = {1: 256, 100: 64, 1000: 16}
DONE = re.compile(r"(\d+) records sent, ([\d.]+) records/sec .*?([\d.]+) ms avg latency, [\d.]+ ms max latency, (\d+) ms 50th, \d+ ms 95th, (\d+) ms 99th")


def cpu_of_all(kafka, **more):
    return Cpu(**{f"broker_{i}": process.pid for i, process in enumerate(kafka.processes)}, **more)


def together(used):
    """One figure for the three brokers."""
    parts = [value for name, value in used.items() if name.startswith("broker_")]
    return {**{name: value for name, value in used.items() if not name.startswith("broker_")}, "brokers_cpu_us_per_event": round(sum(parts), 3)}


def perf_test(kafka, folder, name, options, *properties):
    """Kafka's own producer, in Java: one event a message. It is given as many as it sends in about the time of the others."""

    def case(run):
        topic = re.sub("[^a-z0-9]+", "-", f"perf-{name}-{run}")
        kafka.tool("org.apache.kafka.tools.TopicCommand", "--bootstrap-server", kafka.address, "--create", "--topic", topic, "--partitions",
                   str(PARTITIONS), "--replication-factor", "3", "--config", "min.insync.replicas=2")  # fmt: skip
        command = ["java", "-Xmx512m", "-cp", f"{kafka.jars}/*", "org.apache.kafka.tools.ProducerPerformance", "--topic", topic, "--throughput", "-1",
                   "--num-records", str(round(options.records)), "--payload-file", str(folder / "events"), "--producer-props",
                   f"bootstrap.servers={kafka.address}", "acks=all", *properties]  # fmt: skip
        cpu = cpu_of_all(kafka)
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=True)
        found = DONE.findall(done.stdout)[-1]
        events = int(found[0])
        return {"case": f"kafka-producer-perf-test, {name}", "size": 1, "events_per_s": round(float(found[1])), "p50_us": int(found[3]) * 1000,
                "p99_us": int(found[4]) * 1000, **together(cpu.us_per(events)), "accepted": events}  # fmt: skip

    return case


def millrace(kafka, folder, size, options, roles, form="packed"):
    def case(run):
        name = f"millrace-{roles.replace(',', '-')}-{size}-{form}-{run}"
        settings = {} if roles == "all" else {"roles": roles}
        with Server(folder / name, log_level="warning", stream_kind="kafka", kafka_brokers=kafka.address, kafka_topic=name, stream_partitions=PARTITIONS,
                    kafka_message=form, **settings) as server:  # fmt: skip
            report = folder / "load.json"
            cpu = cpu_of_all(kafka, server=server.process.pid)
            done = subprocess.run([BINARY, "load", "--url", f"http://{server.address}", "--key", KEY, "--quiet", "--json", report, "--no-proof", "--rate", "max",
                                   "--batch", str(size), "--connections", str(CONNECTIONS[size]), "--for", f"{round(options.seconds * 1000)}ms", "--malformed", "0",
                                   "--repeats", "0", "--seed", str(run + 1)], capture_output=True, text=True)  # fmt: skip
            assert done.returncode == 0, done.stdout + done.stderr
            found = json.loads(report.read_text())
            events = found["accepted"]
            used = together(cpu.us_per(events))
            taken = server.metrics()["millrace_ingest_accepted_events_total"]
            assert taken == events, f"{taken} acknowledged, {events} acknowledgements came"
            what = "one a message" if size == 1 else f"{size:,} a request, {form}"
            return {"case": f"Millrace, {what}" + (", all roles" if roles == "all" else ""), "size": size, "events_per_s": round(found["events_per_s"]),
                    "p50_us": round(found["latency"]["p50_us"]), "p99_us": round(found["latency"]["p99_us"]), **used,
                    "generator_cpu_us_per_event": round(found["cpu_seconds"] * 1e6 / max(events, 1), 3), "accepted": events, "refused": found["refused"]}  # fmt: skip

    return case


def main():
    options = arguments(__doc__, seconds=(5.0, 2.0), records=(600_000, 150_000), runs=(3, 1))
    with scratch("b11") as folder, brokers.Brokers(folder / "kafka", 3) as kafka:
        (folder / "events").write_text("".join(bodies.as_json(event) + "\n" for event in bodies.events(8192)))
        cases = {"perf-test-defaults": perf_test(kafka, folder, "defaults", options),
                 "perf-test-lz4": perf_test(kafka, folder, "lz4, 2 ms", options, "compression.type=lz4", "linger.ms=2")}  # fmt: skip
        cases.update({f"millrace-{size}": millrace(kafka, folder, size, options, "ingest") for size in CONNECTIONS})
        cases["millrace-json-100"] = millrace(kafka, folder, 100, options, "ingest", "json")
        cases["millrace-all-roles-100"] = millrace(kafka, folder, 100, options, "all")
        perf_test(kafka, folder, "warm", options)(0)  # a JVM compiles what it runs
        rows = take_turns(options.runs, cases, options.only)
    rates = medians(rows, "events_per_s")
    table("events/s acknowledged by the replicas in sync (median)", ["", "events/s", "p99 ms", "brokers' CPU µs", "server's CPU µs"],
          [[name, found["median"], median_of(rows, name, "p99_us", 1000), median_of(rows, name, "brokers_cpu_us_per_event"),
            median_of(rows, name, "server_cpu_us_per_event")] for name, found in rates.items()])  # fmt: skip
    if options.only or options.keep_result:
        return
    peer = max(found["median"] for name, found in rates.items() if name.startswith("kafka"))
    goal = {"one a message, of kafka-producer-perf-test": 0.9, "100 a request, of kafka-producer-perf-test": 0.9}
    reached = {"one a message, of kafka-producer-perf-test": round(rates["Millrace, one a message"]["median"] / peer / 0.9, 3),
               "100 a request, of kafka-producer-perf-test": round(rates["Millrace, 100 a request, packed"]["median"] / peer / 0.9, 3)}  # fmt: skip
    print(f"of the goal: {reached}")
    write_result("b11-kafka", rows, goal, reached, f"{'quick' if options.quick else 'full'}: {options.seconds:g} s or {options.records:,} records for each case, {runs_of(rows)} run(s)",
                 bars("B11: events acknowledged by three brokers, on cores shared with all of them", {"acks=all": rates}, "events a second"))  # fmt: skip


def median_of(rows, case, value, divided_by=1):
    found = [row[value] for row in rows if row["case"] == case and value in row]
    return round(statistics.median(found) / divided_by, 2) if found else None


if __name__ == "__main__":
    main()
