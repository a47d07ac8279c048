#!/usr/bin/env python3
"""Kills the server or its engine at random moments under load, and counts.

Sixteen clients send events and write down, fsynced, in a ledger outside the server's folder, which ones were acknowledged. After
each kill and restart everything must hold: every acknowledged event is stored once, every other one at most once, and nothing
else is there.

    crash.py --kind server|engine|both --rounds 200 --seed 7
"""

import argparse
import json
import os
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "app"))
from millrace_server import KEY, Server, free_port  # noqa: E402

CLIENTS = 16


class Client(threading.Thread):
    """Sends batches until it is told to stop; tries a batch again, or gives it up, when its outcome is unknown."""

    def __init__(self, number, run, seed):
        super().__init__(daemon=True)
        self.number = number
        self.run_state = run
        self.random = random.Random(f"{seed}-{number}")
        self.next_id = 0
        self.ledger = open(run.folder / f"ledger-{number}", "ab", buffering=0)
        self.acknowledged = set()
        self.sent = set()
        self.statuses = {}
        self.lock = threading.Lock()
        self.busy = False  # it holds a batch whose outcome isn't known yet

    def batch(self):
        size = self.random.choice((1, 1, 5, 20, 50))
        ids = [f"r{self.run_state.round}-c{self.number}-{self.next_id + i}" for i in range(size)]
        self.next_id += size
        events = [
            {"event": "click", "user_id": f"u{self.random.randrange(1000)}", "message_id": one, "properties": {"n": i, "page": "/p"}}
            for i, one in enumerate(ids)
        ]
        if self.random.random() < 0.05:
            events.append(events[0])  # a repeat within the batch
        return ids, "\n".join(json.dumps(event) for event in events).encode()

    def run(self):
        import http.client

        connection = None
        while not self.run_state.over.is_set():
            self.busy = False
            self.run_state.may_send.wait()
            self.busy = True
            if not self.run_state.may_send.is_set():
                continue
            ids, body = self.batch()
            with self.lock:
                self.sent.update(ids)
            tries = 1 + self.random.randrange(3)
            while tries > 0 and not self.run_state.over.is_set():
                tries -= 1
                try:
                    connection = connection or http.client.HTTPConnection(self.run_state.server.address, timeout=20)
                    connection.request("POST", "/v1/events", body, {"Authorization": f"Bearer {KEY}", "Content-Type": "application/x-ndjson"})
                    response = connection.getresponse()
                    response.read()
                except (OSError, http.client.HTTPException):
                    connection = None
                    self.run_state.up.wait(30)
                    continue
                with self.lock:
                    self.statuses[response.status] = self.statuses.get(response.status, 0) + 1
                if response.status == 200:
                    self.ledger.write(("\n".join(ids) + "\n").encode())
                    os.fsync(self.ledger.fileno())
                    with self.lock:
                        self.acknowledged.update(ids)
                    break

    def take_round(self):
        """Ids of the round that has ended: (acknowledged, sent, statuses)."""
        with self.lock:
            taken = self.acknowledged, self.sent, self.statuses
            self.acknowledged, self.sent, self.statuses = set(), set(), {}
        return taken


class Run:
    def __init__(self, arguments):
        self.arguments = arguments
        self.random = random.Random(arguments.seed)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="millrace-crash-"))
        self.engine_port = free_port()
        self.round = 0
        self.up = threading.Event()
        self.may_send = threading.Event()
        self.over = threading.Event()
        self.server = self.new_server()

    def new_server(self):
        return Server(
            self.folder / "data",
            engine_listen=f"127.0.0.1:{self.engine_port}",
            engine_user="crash",
            engine_password="crash",
            process_checkpoint_interval="200ms",
            stream_segment_bytes="1MiB",
            process_snapshot_log_bytes="1MiB",
            log_level="warning",
        )

    def sql(self, query):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.engine_port}/", data=query.encode(), headers={"X-ClickHouse-User": "crash", "X-ClickHouse-Key": "crash"}
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.read().decode()

    def engine_pid(self):
        return (self.server.health()["engine"] or {}).get("pid", 0)

    def kill_server(self):
        self.up.clear()
        self.server.process.send_signal(signal.SIGKILL)
        self.server.process.wait()
        while self.random.random() < 0.25:  # again, while it is starting
            self.server = self.new_server()
            try:
                self.server.start(timeout_s=self.random.random() * 0.5)
            except AssertionError:
                pass
            self.server.kill()
        begin = time.monotonic()
        self.server = self.new_server().start()
        self.up.set()
        return time.monotonic() - begin

    def kill_engine(self):
        begin = time.monotonic()
        old = self.server.wait_until_open()["pid"]
        os.kill(old, signal.SIGKILL)
        while True:
            pid = self.engine_pid()
            if pid not in (0, None, old):
                return time.monotonic() - begin
            time.sleep(0.02)

    def one_round(self, kind, clients):
        self.may_send.set()
        time.sleep(self.random.uniform(0.2, 1.2))  # the random moment
        recovery = self.kill_server() if kind == "server" else self.kill_engine()
        time.sleep(self.random.uniform(0.0, 0.3))
        self.may_send.clear()
        for client in clients:  # everything under way ends
            while client.is_alive() and client.busy:
                time.sleep(0.005)
        return recovery

    def check_round(self, clients):
        acknowledged, sent, statuses = set(), set(), {}
        for client in clients:
            client_acknowledged, client_sent, client_statuses = client.take_round()
            acknowledged |= client_acknowledged
            sent |= client_sent
            for status, count in client_statuses.items():
                statuses[status] = statuses.get(status, 0) + count
        self.server.wait_until_stored(120)
        rows = self.sql(f"SELECT message_id FROM millrace.events WHERE message_id LIKE 'r{self.round}-%' FORMAT TSV").split()
        stored = set(rows)
        result = {
            "acknowledged": len(acknowledged),
            "stored": len(stored),
            "lost": len(acknowledged - stored),
            "doubled": len(rows) - len(stored),
            "strange": len(stored - sent),
            "unknown_and_stored": len(stored - acknowledged),
            "statuses": statuses,
        }
        return result

    def total_holds(self):
        partitions = self.server.wait_until_stored()
        rows = int(self.sql("SELECT count() FROM millrace.events"))
        counted = sum(p["rows"] for p in partitions)
        identity = all(p["stored_until"] == p["rows"] + p["repeats"] + p["failed"] + p["lost"] for p in partitions)
        lost = sum(p["lost"] for p in partitions)
        print(f"in all: {rows} rows stored, {counted} counted by the processor, identity {'holds' if identity else 'BROKEN'}, lost {lost}", flush=True)
        return rows == counted and identity and lost == 0

    def go(self):
        print(f"seed {self.arguments.seed}, {self.arguments.rounds} rounds, kind {self.arguments.kind}, {CLIENTS} clients", flush=True)
        self.server.start()
        self.up.set()
        clients = [Client(i, self, self.arguments.seed) for i in range(CLIENTS)]
        for client in clients:
            client.start()
        good = True
        for self.round in range(self.arguments.rounds):
            kind = self.arguments.kind if self.arguments.kind != "both" else ("server", "engine")[self.round % 2]
            recovery = self.one_round(kind, clients)
            result = self.check_round(clients)
            refused = {s: n for s, n in result["statuses"].items() if s >= 500}
            holds = result["lost"] == result["doubled"] == result["strange"] == 0 and not (kind == "engine" and refused)
            good = good and holds
            print(
                f"round {self.round:3d} {kind:6s} back in {recovery:5.2f} s  acknowledged {result['acknowledged']:6d}  stored {result['stored']:6d}  "
                f"unknown but stored {result['unknown_and_stored']:4d}  lost {result['lost']}  doubled {result['doubled']}  strange {result['strange']}  "
                f"{'ok' if holds else 'NOT EXACTLY ONCE ' + str(result['statuses'])}",
                flush=True,
            )
            if not holds and not self.arguments.go_on:
                break
        self.over.set()
        self.may_send.set()
        good = self.total_holds() and good
        self.server.stop()
        return good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", choices=("server", "engine", "both"), default="both")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--go-on", action="store_true", help="also after a round that did not hold")
    arguments = parser.parse_args()
    run = Run(arguments)
    good = run.go()
    if good:
        shutil.rmtree(run.folder)
        print("exactly once: every round")
    else:
        print(f"NOT exactly once; the folder is kept: {run.folder}; the seed is {arguments.seed}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
