#!/usr/bin/env python3
"""B11: the two forms of a message, packed and JSON, with the real events of tests/data: bytes on the topic, CPU of taking and of processing. See README.md."""

import http.client
import pathlib
import queue
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "bench"), str(ROOT / "tests/kafka")]
from measure import arguments, cpu_seconds, scratch, table, take_turns  # noqa: E402
from millrace_server import KEY, Server  # noqa: E402

import brokers  # noqa: E402

PARTITIONS = 3
CLIENTS = 4


def bodies(size, count):
    lines = subprocess.run(["zstd", "-dcq", ROOT / "tests/data/commits.ndjson.zst"], capture_output=True, check=True).stdout.splitlines(keepends=True)[:count]
    return [b"".join(lines[i:i + size]) for i in range(0, len(lines), size)], len(lines)  # fmt: skip


def send_all(address, waiting):
    """Every body, by a few connections that are never without one."""
    left = queue.SimpleQueue()
    for body in waiting:
        left.put(body)
    failed = []

    def send():
        connection = http.client.HTTPConnection(address, timeout=60)
        while not failed:
            try:
                body = left.get_nowait()
            except queue.Empty:
                return
            connection.request("POST", "/v1/events", body, {"Authorization": f"Bearer {KEY}", "Content-Type": "application/x-ndjson"})
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != 200:
                failed.append((answer.status, text))

    threads = [threading.Thread(target=send) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed, failed[0]


def topic_bytes(kafka, topic):
    return sum(file.stat().st_size for file in kafka.folder.glob(f"0/data/{topic}-*/*.log"))


def case(kafka, folder, form, size, count):
    def run(number):
        topic = f"{form}-{size}-{number}"
        waiting, events = bodies(size, count)
        settings = {"stream_kind": "kafka", "kafka_brokers": kafka.address, "kafka_topic": topic, "stream_partitions": PARTITIONS, "kafka_message": form,
                    "ingest_waiting_max": "60s", "log_level": "warning"}  # fmt: skip
        pid = kafka.processes[0].pid
        with Server(folder / f"{topic}-ingest", **settings, roles="ingest") as server:
            server.send([{"event": "first"}])
            before, broker, begin = cpu_seconds(server.process.pid), cpu_seconds(pid), time.monotonic()
            send_all(server.address, waiting)
            seconds = time.monotonic() - begin
            taking, brokers_part = cpu_seconds(server.process.pid) - before, cpu_seconds(pid) - broker
        with Server(folder / f"{topic}-all", **settings) as server:
            server.wait_until_open()
            server.wait_until_stored(300)
            processing = cpu_seconds(server.process.pid)  # without the engine, which is a child
            assert server.health()["audit"]["stored"] == events + 1
        return {"case": f"{form}, {size} a request", "events": events, "events_per_s": round(events / seconds),
                "topic_bytes_per_event": round(topic_bytes(kafka, topic) / events, 1), "taking_cpu_us_per_event": round(taking * 1e6 / events, 2),
                "broker_cpu_us_per_event": round(brokers_part * 1e6 / events, 2), "processing_cpu_us_per_event": round(processing * 1e6 / events, 2)}  # fmt: skip

    return run


def main():
    options = arguments(__doc__, runs=(3, 1))
    with scratch("b11-forms") as folder, brokers.Brokers(folder / "kafka", 1) as kafka:
        cases = {f"{form}-{size}": case(kafka, folder, form, size, count)
                 for size, count in ((1, 20_000), (100, 157_240), (1000, 157_240)) for form in ("packed", "json")}  # fmt: skip
        rows = take_turns(options.runs, cases, options.only)
    values = ["topic_bytes_per_event", "taking_cpu_us_per_event", "broker_cpu_us_per_event", "processing_cpu_us_per_event", "events_per_s"]
    names = list(dict.fromkeys(row["case"] for row in rows))
    table("one broker, lz4; medians", ["", *values], [[name, *(middle([row[value] for row in rows if row["case"] == name]) for value in values)] for name in names])


def middle(values):
    return sorted(values)[len(values) // 2]


if __name__ == "__main__":
    main()
