"""A server under load in a folder of its own, and the count after each round. What is done to it is in kind_*.py."""

import http.client
import os
import pathlib
import random
import signal
import sys
import tempfile
import time
import urllib.parse
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "app"))
from ledger import Verdict  # noqa: E402
from load import Load  # noqa: E402
from millrace_server import Server, columns, free_port  # noqa: E402

# Small, so that a round of a second passes many segments, checkpoints and snapshots.
SETTINGS = {
    "engine_user": "crash",
    "engine_password": "crash",
    "process_checkpoint_interval": "200ms",
    "stream_segment_bytes": "1MiB",
    "process_snapshot_log_bytes": "1MiB",
    "log_level": "warning",
}


class World:
    def __init__(self, seed, clients=16, **settings):
        self.random = random.Random(seed)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="millrace-crash-"))
        self.data = self.folder / "data"
        self.data.mkdir()
        self.engine_port = free_port()
        self.settings = {**SETTINGS, "engine_listen": f"127.0.0.1:{self.engine_port}", **settings}
        self.server = self.new_server()
        self.load = Load(self.folder, lambda: self.server.address, seed, clients)
        self.round = 0
        self.stored_before = 0  # rows of the rounds before, all of which must stay
        self.buckets_compared = 0  # of views, by event

    def new_server(self):
        return Server(self.data, **self.settings)

    # ---- asking ----

    def sql(self, query):
        request = urllib.request.Request(f"http://127.0.0.1:{self.engine_port}/", data=query.encode(),
                                         headers={"X-ClickHouse-User": "crash", "X-ClickHouse-Key": "crash"})
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.read().decode()

    def engine_pid(self):
        return (self.server.health()["engine"] or {}).get("pid", 0)

    def query_status(self):
        """The status of a small question, the way a dashboard asks it."""
        body = b'{"measures":["count"],"by":["event"],"range":"1d"}'
        return self.server.request("POST", "/v1/query", body, headers={"Content-Type": "application/json"})[0]

    def wait_until(self, what, holds, timeout_s):
        """Polls a state that nothing announces. Gives the seconds that it took."""
        begin = time.monotonic()
        while not holds():
            if time.monotonic() - begin > timeout_s:
                raise AssertionError(f"{what}: not within {timeout_s} s; {self.server.health()}\n" + "".join(self.server.log[-20:]))
            time.sleep(0.02)
        return time.monotonic() - begin

    # ---- the server's life ----

    def kill_server(self):
        """kill -9; its engine dies with it."""
        self.load.up.clear()
        self.server.kill()

    def start_server(self):
        """Seconds until it takes events again."""
        begin = time.monotonic()
        self.server = self.new_server().start()
        self.load.up.set()
        return time.monotonic() - begin

    # ---- rounds ----

    def begin_round(self, number):
        self.round = number
        self.load.prefix = f"r{number}-"
        self.load.begin()
        time.sleep(self.random.uniform(0.2, 1.2))  # the random moment

    def end_round(self, number):
        time.sleep(self.random.uniform(0.0, 0.3))
        self.load.pause()
        self.server.wait_until_stored(120)
        rows = self.sql(f"SELECT message_id FROM millrace.events WHERE message_id LIKE 'r{number}-%' FORMAT TSV").split()
        verdict = Verdict(self.load.ledgers, rows, self.views_that_differ())
        self.stored_before += len(rows)
        return verdict

    def views_that_differ(self):
        """Buckets of the built-in views whose counts are not those of the store's rows, and what their own audit says."""
        wrong = []
        self.wait_until("live views", lambda: self.server.health()["audit"]["views"] is not None, 60)
        audit = self.server.health()["audit"]
        if not audit["holds"] or audit["views"] != audit["stored"]:
            wrong.append(("audit", audit))
        for view, grain in (("events_by_minute", "Minute"), ("events_by_second", "Second")):
            answer = self.server.json("GET", f"/v1/views/{view}")
            shown = columns(answer)
            counted = {(time_ms, event): count for time_ms, event, count in zip(shown["time"], shown["event"], shown["count"], strict=True)}
            rows = self.sql(f"SELECT toUnixTimestamp64Milli(toStartOf{grain}(time)::DateTime64(3)) AS begin, event, count() FROM millrace.events "
                            f"WHERE begin >= {answer['kept_from'] or 0} GROUP BY begin, event FORMAT TSV")
            stored = {(int(time_ms), event): int(count) for time_ms, event, count in (line.split("\t") for line in rows.splitlines())}
            wrong += [(view, *key, counted.get(key, 0), stored.get(key, 0)) for key in sorted(counted.keys() | stored.keys())
                      if counted.get(key) != stored.get(key)]
            self.buckets_compared += len(stored)
        return wrong

    def nothing_of_before_has_changed(self):
        """Rows of earlier rounds are all still there, once."""
        return int(self.sql("SELECT count() FROM millrace.events")) == self.stored_before

    def whole_ledger_holds(self):
        """At the end: every id of every ledger file is stored once, over all rounds."""
        acknowledged = set()
        for path in self.folder.glob("ledger-*"):
            acknowledged.update(path.read_text().split())
        rows = self.sql("SELECT message_id FROM millrace.events FORMAT TSV").split()
        partitions = self.server.wait_until_stored()
        counted = sum(p["rows"] for p in partitions)
        lost = sum(p["lost"] for p in partitions)
        identity = all(p["stored_until"] == p["rows"] + p["repeats"] + p["failed"] + p["lost"] for p in partitions)
        missing = len(acknowledged - set(rows))
        print(f"in all: acknowledged {len(acknowledged)}, stored {len(rows)}, of the acknowledged missing {missing}, "
              f"doubled {len(rows) - len(set(rows))}, counted by the processor {counted}, reported lost {lost}, "
              f"accepted = stored + repeats + failed {'holds' if identity else 'BROKEN'}, "
              f"{self.buckets_compared} rows of views compared with the store", flush=True)
        return missing == 0 and len(rows) == len(set(rows)) == counted and identity and lost == 0

    def end(self):
        self.load.stop()
        self.server.stop()
