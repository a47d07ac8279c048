"""One server that takes events, some that process and one that answers, on brokers and a store of their own, under load."""

import json
import os
import random
import signal
import subprocess
import time

import brokers
from ledger import Verdict
from load import Load
from millrace_server import BINARY, Server, columns, free_port
from slow_proxy import StoreProxy
from store_alone import StoreAlone

PARTITIONS = 6
FEED = "feed-key-of-a-test-0123456789"
# Small, so that a round passes many checkpoints and snapshots.
PROCESSOR = {
    "roles": "process",
    "process_checkpoint_interval": "200ms",
    "process_snapshot_log_bytes": "1MiB",
    "log_level": "info",
}
MISSED_SOON = """
[kafka]
session.timeout.ms = "2000"
heartbeat.interval.ms = "300"
"""


class Member:
    """A processor, with a way to the store of its own, and an address that stays."""

    def __init__(self, cluster, number):
        self.proxy = StoreProxy(cluster.store.socket)
        self.address = f"127.0.0.1:{free_port()}"
        config = cluster.folder / "processor.toml"
        config.write_text(MISSED_SOON)
        self.server = Server(cluster.folder / f"processor-{number}", {"MILLRACE_FEED_KEY": FEED}, config=config, listen=self.address, store_url=cluster.store.url(self.proxy),
                             **cluster.common, **PROCESSOR)
        self.frozen = False

    @property
    def up(self):
        return self.server.process is not None and self.server.process.poll() is None and not self.frozen

    def owned(self):
        return sorted(p["partition"] for p in self.server.health()["partitions"] if p["epoch"] > 0)

    def signal(self, number):
        os.kill(self.server.process.pid, number)
        self.frozen = number == signal.SIGSTOP

    def close(self):
        self.proxy.gate.set()
        self.server.kill()
        self.proxy.close()


class Cluster:
    def __init__(self, folder, kafka, seed, processors=3, clients=3):
        self.random = random.Random(seed)
        self.folder = folder
        self.store = StoreAlone(folder / "store")
        self.sql = self.store.sql()
        self.common = {"stream_kind": "kafka", "kafka_brokers": kafka.address, "kafka_topic": "shared", "stream_partitions": str(PARTITIONS)}
        self.ingest = Server(folder / "ingest", roles="ingest", log_level="warning", **self.common).start()
        self.members = [Member(self, number) for number in range(processors)]
        for member in self.members:
            member.server.start()
        self.query = Server(folder / "query", roles="query", store_url=self.store.url(), query_processors_key=FEED, log_level="warning",
                            query_processors=",".join(f"http://{member.address}" for member in self.members), **self.common).start()
        self.load = Load(folder, lambda: self.ingest.address, seed, clients)
        self.prefixes = []
        self.buckets_compared = 0

    def counting(self):
        """A condition for rows of `events` that count: not written by an owner from the place on from which a newer one took over."""
        owners = self.sql("SELECT generation, partition, epoch, min(first) FROM faults.owners GROUP BY generation, partition, epoch FORMAT TSV")
        disowned = ["(generation = {} AND partition = {} AND epoch < {} AND sequence >= {})".format(*line.split("\t")) for line in owners.splitlines()]
        return f"NOT ({' OR '.join(disowned)})"

    def rows(self, what, condition="1", more=""):
        return self.sql(f"SELECT {what} FROM faults.events WHERE {self.counting()} AND ({condition}) {more} FORMAT TSV")

    def close(self):
        self.load.stop()
        for member in self.members:
            if member.frozen:
                member.signal(signal.SIGCONT)
            member.close()
        self.query.kill()
        self.ingest.kill()
        self.store.close()

    def wait_until_all_is_owned(self, timeout_s=90):
        """Every partition by one of those that are up, and by nobody else."""
        seen = []

        def owned():
            seen[:] = [partition for member in self.members if member.up for partition in member.owned()]
            return sorted(seen) == list(range(PARTITIONS))

        try:
            brokers.until(owned, "every partition has an owner", timeout_s)
        except AssertionError:
            states = [(member.address, member.up and member.server.health()["partitions"]) for member in self.members]
            logs = ["".join(member.server.log[-15:]) for member in self.members]
            raise AssertionError(f"owned {seen}; {states}\n" + "\n".join(logs)) from None

    def begin_round(self, number):
        self.prefixes.append(f"r{number}-")
        self.load.prefix = self.prefixes[-1]
        self.load.begin()
        time.sleep(self.random.uniform(0.2, 1.0))  # the random moment

    def acknowledged_again(self):
        now = time.monotonic()
        brokers.until(lambda: self.load.acknowledged_at > now, "events are taken again", 90)

    def end_round(self):
        """The verdict once everything is stored and shown."""
        self.load.pause()
        self.wait_until_all_is_owned()
        self.wait_until_shown()
        rows = self.rows("message_id", f"message_id LIKE '{self.prefixes[-1]}%'").split()
        return Verdict(self.load.ledgers, rows, self.views_that_differ())

    def wait_until_shown(self, timeout_s=90):
        audit, partitions, ends = {}, [], [0, -1]

        def shown():
            health = self.query.health()
            audit.update(health["audit"])
            partitions[:] = health["partitions"]
            for member in self.members:
                if member.up:
                    ends.append(sum(p["durable_end"] for p in member.server.health()["partitions"]))
            whole = len(partitions) == PARTITIONS and all(p["stored_until"] == p["durable_end"] and not p["trouble"] for p in partitions)
            return whole and audit["holds"] and audit["views"] == audit["stored"] and self.topic_is_read(partitions)

        try:
            brokers.until(shown, "accepted = stored = views", timeout_s)
        except AssertionError:
            raise AssertionError(f"audit {audit}, partitions {partitions}\n" + "".join(self.query.log[-10:])) from None

    def topic_is_read(self, partitions):
        """Those who process know of everything that was acknowledged."""
        acknowledged = sum(len(ledger.acknowledged) for ledger in self.load.ledgers)
        rows = int(self.rows("count()", f"message_id LIKE '{self.prefixes[-1]}%'"))
        return rows >= acknowledged and partitions

    def views_that_differ(self):
        """Buckets of the view that the server which answers has merged, against the store's rows; and its audit against their number."""
        wrong = []
        audit = self.query.health()["audit"]
        stored = int(self.rows("count()"))
        if (audit["stored"], audit["views"], audit["accepted"]) != (stored, stored, stored + audit["repeats"] + audit["failed"]):
            wrong.append(("audit", audit, stored))
        answer = self.query.json("GET", "/v1/views/events_by_minute")
        shown = columns(answer)
        counted = {(time_ms, event): count for time_ms, event, count in zip(shown["time"], shown["event"], shown["count"], strict=True)}
        rows = self.rows("toUnixTimestamp64Milli(toStartOfMinute(time)::DateTime64(3)) AS begin, event, count()",
                         f"begin >= {answer['kept_from'] or 0}", "GROUP BY begin, event")
        stored = {(int(time_ms), event): int(count) for time_ms, event, count in (line.split("\t") for line in rows.splitlines())}
        self.buckets_compared += len(stored)
        wrong += [(*key, counted.get(key, 0), stored.get(key, 0)) for key in sorted(counted.keys() | stored.keys())
                  if counted.get(key) != stored.get(key)]
        return wrong

    def every_log_equals_the_store(self):
        for member in self.members:
            member.server.wait_until_open()
        self.wait_until_all_is_owned()
        return all(member.server.json("GET", "/v1/verify")["equal"] for member in self.members)

    def verified_from_outside(self):
        """What `millrace verify --data` says, in the place of a processor that has ended."""
        one = self.members[0].server
        one.stop()
        self.wait_until_all_is_owned()
        flags = [f"--{name.replace('_', '-')}={value}" for name, value in one.settings.items() if name != "listen"]
        done = subprocess.run([BINARY, "verify", f"--data={one.folder}", "--json", *flags], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        store = answer.get("store", answer)
        assert len(store["partitions"]) == PARTITIONS, answer
        return store

    def whole_ledger_holds(self):
        acknowledged = set()
        for path in self.folder.glob("ledger-*"):
            acknowledged.update(path.read_text().split())
        rows = self.rows("message_id").split()
        audit = self.query.health()["audit"]
        missing = len(acknowledged - set(rows))
        print(f"in all: acknowledged {len(acknowledged)}, stored {len(rows)}, of the acknowledged missing {missing}, doubled "
              f"{len(rows) - len(set(rows))}, views {audit['views']}, repeats {audit['repeats']}, lost {audit['lost']}, "
              f"{self.buckets_compared} rows of views compared with the store", flush=True)
        return missing == 0 and len(rows) == len(set(rows)) == audit["stored"] == audit["views"] and audit["lost"] == 0
