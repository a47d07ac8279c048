"""Clients that send events until they are told to pause, and write down what came of it."""

import http.client
import json
import random
import threading
import time

from ledger import Ledger
from millrace_server import KEY


class Client(threading.Thread):
    """Sends batches; tries a batch again, or gives it up, when its outcome is unknown or it was refused."""

    def __init__(self, number, load, seed):
        super().__init__(daemon=True)
        self.number = number
        self.load = load
        self.random = random.Random(f"{seed}-{number}")
        self.next_id = 0
        self.ledger = Ledger(load.folder / f"ledger-{number}")
        self.busy = False  # it holds a batch whose outcome isn't known yet

    def batch(self):
        size = self.random.choice((1, 1, 5, 20, 50))
        ids = [f"{self.load.prefix}c{self.number}-{self.next_id + i}" for i in range(size)]
        self.next_id += size
        events = [
            {"event": self.random.choice(("click", "view", "buy")), "user_id": f"u{self.random.randrange(1000)}", "message_id": one,
             "properties": {"n": i, "page": "/p" + self.load.padding}}
            for i, one in enumerate(ids)
        ]
        if self.random.random() < 0.05:
            events.append(events[0])  # a repeat within the batch
        return ids, "\n".join(json.dumps(event) for event in events).encode()

    def run(self):
        connection = None
        load = self.load
        while not load.over.is_set():
            self.busy = False
            load.may_send.wait()
            self.busy = True
            if not load.may_send.is_set():
                continue
            ids, body = self.batch()
            self.ledger.sending(ids)
            tries = 1 + self.random.randrange(3)
            while tries > 0 and not load.over.is_set():
                tries -= 1
                try:
                    connection = connection or http.client.HTTPConnection(load.address(), timeout=20)
                    connection.request("POST", "/v1/events", body,
                                       {"Authorization": f"Bearer {KEY}", "Content-Type": "application/x-ndjson"})
                    response = connection.getresponse()
                    response.read()
                except (OSError, http.client.HTTPException):
                    connection = None
                    load.up.wait(30)
                    continue
                self.ledger.answered(response.status, ids)
                if response.status == 200:
                    load.acknowledged_at = time.monotonic()
                    break
                load.over.wait(0.005)  # refused: a client that asks again at once only takes the processor away


class Load:
    """`address` is called for each new connection, so that a server may move."""

    def __init__(self, folder, address, seed, clients=16):
        self.folder = folder
        self.address = address
        self.prefix = ""
        self.padding = ""  # makes events larger
        self.up = threading.Event()  # cleared while the server is known to be away
        self.up.set()
        self.may_send = threading.Event()
        self.over = threading.Event()
        self.acknowledged_at = 0.0  # monotonic time of the last success
        self.clients = [Client(number, self, seed) for number in range(clients)]
        self.ledgers = [client.ledger for client in self.clients]
        for client in self.clients:
            client.start()

    def begin(self):
        self.may_send.set()

    def pause(self):
        """Returns when every batch under way has ended one way or the other."""
        self.may_send.clear()
        for client in self.clients:
            while client.is_alive() and client.busy:
                time.sleep(0.005)  # polling a state that nothing announces

    def stop(self):
        self.over.set()
        self.may_send.set()
        self.up.set()
        for client in self.clients:
            client.join(60)

    def answers(self):
        """{status: count} of the round so far."""
        total = {}
        for ledger in self.ledgers:
            for status, count in ledger.status_counts().items():
                total[status] = total.get(status, 0) + count
        return total
