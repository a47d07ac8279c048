#!/usr/bin/env python3
"""B3: events over HTTP, 1, 100 and 1,000 a request, durable before they are acknowledged. See README.md."""

import argparse
import http.client
import json
import pathlib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from measure import ROOT, cpu_seconds, spread, write_result  # noqa: E402
from millrace_server import KEY, Server, free_port  # noqa: E402

LOAD = ROOT / "build/release/bin/ingest_load"
CONNECTIONS = {1: 64, 100: 64, 1000: 16}


def load(server, events_a_request, seconds, seed):
    host, port = server.address.split(":")
    command = [LOAD, host, port, KEY, events_a_request, CONNECTIONS[events_a_request], seconds, seed]
    return json.loads(subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout)


def one_run(folder, events_a_request, seconds, seed):
    """A new server; the load; then until everything is stored."""
    with Server(folder, log_level="warning") as server:
        engine = server.wait_until_open()["pid"]
        before = cpu_seconds(server.process.pid), cpu_seconds(engine)
        begin = time.monotonic()
        row = load(server, events_a_request, seconds, seed)
        server.wait_until_stored(600)
        stored_after = time.monotonic() - begin
        partitions = server.health()["partitions"]
        stored = sum(p["rows"] + p["repeats"] for p in partitions)
        assert stored == row["accepted"], f"acknowledged {row['accepted']}, stored {stored}"
        events = max(row["accepted"], 1)
        row["stored_events_per_s"] = round(events / stored_after)
        row["server_cpu_us_per_event"] = round((cpu_seconds(server.process.pid) - before[0]) / events * 1e6, 3)
        row["engine_cpu_us_per_event"] = round((cpu_seconds(engine) - before[1]) / events * 1e6, 3)
        row["generator_cpu_us_per_event"] = round(row["generator_cpu_s"] / events * 1e6, 3)
        metrics = server.metrics()
        row["log_bytes_per_event"] = round(metrics["millrace_stream_written_bytes_total"] / events, 1)
        row["engine_bytes_per_event"] = round(metrics["millrace_engine_written_bytes_total"] / events, 1)
        return row


def engine_alone(folder, seconds):
    """The peer: JSONEachRow in requests of 1,000 rows straight into the engine's HTTP interface, not durable when acknowledged."""
    port = free_port()
    with Server(folder, engine_listen=f"127.0.0.1:{port}", engine_user="bench", engine_password="bench", log_level="warning") as server:
        server.wait_until_open()
        headers = {"X-ClickHouse-User": "bench", "X-ClickHouse-Key": "bench"}
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

        def ask(target, body):
            connection.request("POST", target, body, headers)
            response = connection.getresponse()
            text = response.read().decode()
            assert response.status == 200, text

        ask("/", "CREATE DATABASE peer")
        ask("/?database=peer", "CREATE TABLE peer (event LowCardinality(String), user_id String, time DateTime64(3), message_id String, "
            "properties String) ENGINE = MergeTree ORDER BY (event, time)")  # fmt: skip
        row = json.dumps({"event": "click", "user_id": "u000001", "time": 1700000000000, "message_id": "0" * 16,
                          "properties": json.dumps({"path": "/p/1", "plan": "free", "price": 1.5, "items": 3, "mobile": True})})  # fmt: skip
        body = ("\n".join([row] * 1000)).encode()
        begin, rows = time.monotonic(), 0
        while time.monotonic() - begin < seconds:
            ask("/?database=peer&query=INSERT+INTO+peer+FORMAT+JSONEachRow", body)
            rows += 1000
        return {"peer": "engine, JSONEachRow, 1,000 rows a request, one client, no fsync", "events_per_s": round(rows / (time.monotonic() - begin))}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="millrace-bench-") as folder:
        for run in range(arguments.runs):
            for size in CONNECTIONS:
                row = one_run(f"{folder}/{run}-{size}", size, arguments.seconds, arguments.seed + run)
                rows.append({"run": run, **row})
                print(f"run {run}: {size:5d} a request: {row['events_per_s']:9d} events/s acknowledged, {row['stored_events_per_s']:9d} stored, "
                      f"p99 {row['p99_us'] / 1000:.2f} ms, CPU/event: server {row['server_cpu_us_per_event']} engine {row['engine_cpu_us_per_event']} "
                      f"generator {row['generator_cpu_us_per_event']} µs", flush=True)  # fmt: skip
            rows.append({"run": run, **engine_alone(f"{folder}/{run}-peer", arguments.seconds / 2)})
            print(f"run {run}: peer: {rows[-1]['peer']}: {rows[-1]['events_per_s']} events/s", flush=True)

    def rate(size):
        return spread([row["events_per_s"] for row in rows if row.get("events_a_request") == size])

    goal = {"100 a request": 1_000_000, "1 a request": 100_000}
    reached = {"100 a request": round(rate(100)["median"] / 1_000_000, 3), "1 a request": round(rate(1)["median"] / 100_000, 3)}
    print("of the goal:", reached)
    write_result("ingest", rows, goal, reached)


if __name__ == "__main__":
    main()
