"""What was sent and what was acknowledged: the oracle, outside of the program under test.

Each client has a file of its own and fsyncs the ids that it got a success for before it counts them.
"""

import os
import threading


class Ledger:
    def __init__(self, path):
        self.file = open(path, "ab", buffering=0)
        self.lock = threading.Lock()
        self.acknowledged = set()
        self.sent = set()
        self.statuses = {}

    def sending(self, ids):
        with self.lock:
            self.sent.update(ids)

    def answered(self, status, ids):
        if status == 200:
            self.file.write(("\n".join(ids) + "\n").encode())
            os.fsync(self.file.fileno())
        with self.lock:
            self.statuses[status] = self.statuses.get(status, 0) + 1
            if status == 200:
                self.acknowledged.update(ids)

    def status_counts(self):
        with self.lock:
            return dict(self.statuses)

    def take(self):
        """What came together since the last call: (acknowledged, sent, statuses)."""
        with self.lock:
            taken = self.acknowledged, self.sent, self.statuses
            self.acknowledged, self.sent, self.statuses = set(), set(), {}
        return taken


class Verdict:
    """What one round's ledgers and the store's rows say together."""

    def __init__(self, ledgers, rows, views=()):
        acknowledged, sent, self.statuses = set(), set(), {}
        for ledger in ledgers:
            one_acknowledged, one_sent, one_statuses = ledger.take()
            acknowledged |= one_acknowledged
            sent |= one_sent
            for status, count in one_statuses.items():
                self.statuses[status] = self.statuses.get(status, 0) + count
        stored = set(rows)
        self.acknowledged = len(acknowledged)
        self.stored = len(stored)
        self.lost = sorted(acknowledged - stored)
        self.doubled = len(rows) - len(stored)
        self.strange = sorted(stored - sent)
        self.unknown = len(stored - acknowledged)
        self.ids = stored
        self.views = list(views)  # where they are not what the store has

    def exactly_once(self):
        return not self.lost and not self.doubled and not self.strange and not self.views

    def refused(self):
        """How many answers were of 5xx."""
        return sum(count for status, count in self.statuses.items() if status >= 500)

    def __str__(self):
        text = (f"acknowledged {self.acknowledged:6d}  stored {self.stored:6d}  unknown but stored {self.unknown:4d}  "
                f"lost {len(self.lost)}  doubled {self.doubled}  strange {len(self.strange)}  views wrong {len(self.views)}")
        if not self.exactly_once():
            text += f"  first lost {self.lost[:3]}  first strange {self.strange[:3]}  first of views {self.views[:3]}"
        return text
