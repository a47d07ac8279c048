"""Looks at a process from outside, and at how long answers take under a steady rate."""

import http.client
import json
import os
import pathlib
import threading
import time
import urllib.request

from millrace_server import KEY

MB = 1 << 20


def resident_bytes(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


def processor_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def open_descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


class Pace:
    """Sends batches at a steady rate, whatever the answers take (open loop), and keeps the latency of each: from the moment at which
    it was due. The ids that were acknowledged are in `acknowledged`."""

    def __init__(self, server, batches_per_second, events=50, connections=4, prefix="p", key=KEY):
        self.server, self.events, self.prefix, self.key = server, events, prefix, key
        self.interval_s = connections / batches_per_second
        self.latencies_ms, self.statuses = [], {}
        self.acknowledged, self.sent = set(), set()
        self.lock = threading.Lock()
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(number, connections), daemon=True) for number in range(connections)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join(60)

    def body(self, number, count):
        ids = [f"{self.prefix}{number}-{count}-{i}" for i in range(self.events)]
        lines = (json.dumps({"event": "tick", "user_id": f"u{count % 1000}", "message_id": one, "properties": {"n": count}}) for one in ids)
        return ids, "\n".join(lines).encode()

    def run(self, number, connections):
        connection = None
        due = time.monotonic() + self.interval_s * number / connections
        count = 0
        while not self.over.wait(max(0.0, due - time.monotonic())):
            ids, body = self.body(number, count)
            status = None
            with self.lock:
                self.sent.update(ids)
            try:
                connection = connection or http.client.HTTPConnection(self.server.address, timeout=60)
                connection.request("POST", "/v1/events", body,
                                   {"Authorization": f"Bearer {self.key}", "Content-Type": "application/x-ndjson"})
                answer = connection.getresponse()
                answer.read()
                status = answer.status
            except (OSError, http.client.HTTPException):
                connection = None
            with self.lock:
                self.latencies_ms.append((time.monotonic() - due) * 1000)
                self.statuses[status] = self.statuses.get(status, 0) + 1
                if status == 200:
                    self.acknowledged.update(ids)
            due += self.interval_s
            count += 1

    def take(self):
        """Of the time since the last call: (latencies in ms, sorted; {status: count})."""
        with self.lock:
            taken = sorted(self.latencies_ms), self.statuses
            self.latencies_ms, self.statuses = [], {}
        return taken

    def measure(self, seconds):
        self.take()
        time.sleep(seconds)  # what is measured is a span of time
        return self.take()


def quantile(sorted_values, q):
    return sorted_values[min(len(sorted_values) - 1, int(q * len(sorted_values)))]


class Sql:
    """Asks the store itself."""

    def __init__(self, address, user, password, database):
        self.address, self.user, self.password, self.database = address, user, password, database

    def __call__(self, query):
        request = urllib.request.Request(f"http://{self.address}/", data=query.encode(),
                                         headers={"X-ClickHouse-User": self.user, "X-ClickHouse-Key": self.password})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read().decode()


def stored_ids(server, event="tick"):
    """message_id → how many rows."""
    lines = server.sql(f"SELECT message_id, count() FROM {server.sql.database}.events WHERE event = '{event}' GROUP BY message_id FORMAT TSV")
    return {one: int(count) for one, count in (line.split("\t") for line in lines.splitlines())}
