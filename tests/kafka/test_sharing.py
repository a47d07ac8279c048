"""Three processors share a topic on three brokers, under load, and harm is done to all of them (F11, F12): accepted = stored = views.

MILLRACE_KAFKA_ROUNDS=120 MILLRACE_KAFKA_SEED=7 for a campaign; without them two rounds from a new seed, in which brokers are left alone (test_harm.py).
"""

import collections
import os
import random
import signal
import threading
import time

import brokers
import pytest
from servers_that_share import Cluster

ROUNDS = int(os.environ.get("MILLRACE_KAFKA_ROUNDS", "0"))
SEED = int(os.environ.get("MILLRACE_KAFKA_SEED", random.randrange(1 << 30)))


@pytest.fixture
def cluster(three, tmp_path):
    print(f"seed {SEED}")
    made = Cluster(tmp_path, three, SEED)
    yield made
    made.close()


def one_of(cluster):
    return cluster.random.choice(cluster.members)


def killed(cluster):
    one = one_of(cluster)
    one.server.kill()
    cluster.wait_until_all_is_owned()
    one.server.start()


def left_and_joined(cluster):
    """Two rebalances that nobody is missed in."""
    one = one_of(cluster)
    one.server.stop()
    cluster.wait_until_all_is_owned()
    one.server.start()


def paused(cluster):
    """Stopped at some moment for longer than its session lasts; it wakes when others have taken over."""
    one = one_of(cluster)
    one.signal(signal.SIGSTOP)
    cluster.wait_until_all_is_owned()
    one.signal(signal.SIGCONT)


def paused_in_an_insert(cluster):
    """The same with an insert under way, which reaches the store after the takeover."""
    one = one_of(cluster)
    brokers.until(lambda: one.owned(), "it has partitions")
    one.proxy.gate.clear()
    brokers.until(lambda: one.proxy.waiting > 0, "it inserts")
    one.signal(signal.SIGSTOP)
    cluster.wait_until_all_is_owned()
    one.proxy.gate.set()
    brokers.until(lambda: one.proxy.under_way == 0, "the store has its insert")
    one.signal(signal.SIGCONT)


def answers_come_late(cluster):
    """A store that is slow for one, which is killed meanwhile."""
    one = one_of(cluster)
    one.proxy.delay_s = 1.0
    time.sleep(cluster.random.uniform(0.5, 2))  # the harm's length is a part of what is drawn
    one.server.kill()
    cluster.wait_until_all_is_owned()
    one.proxy.delay_s = 0.0
    one.server.start()


def broker_killed(cluster, kafka, victim):
    kafka.kill(victim)
    time.sleep(cluster.random.uniform(0.5, 4))  # the harm's length is a part of what is drawn
    kafka.start(victim)


def broker_frozen(cluster, kafka, victim):
    kafka.freeze(victim)
    time.sleep(cluster.random.uniform(0.5, 6))  # beyond the session of a broker, or not
    kafka.thaw(victim)


class Beside(threading.Thread):
    """A harm that is done while another is."""

    def __init__(self, harm, *words):
        super().__init__()
        self.harm, self.words, self.failed = harm, words, None
        self.start()

    def run(self):
        try:
            self.harm(*self.words)
        except BaseException as error:
            self.failed = error

    def end(self):
        self.join()
        if self.failed is not None:
            raise self.failed


PROCESSORS = [paused_in_an_insert, killed, left_and_joined, paused, answers_come_late]
BROKERS = [broker_killed, broker_frozen]


def test_accepted_is_stored_is_shown_whatever_happens_to_processors_and_brokers(three, cluster):
    three.wait_until_in_sync("shared")
    cluster.wait_until_all_is_owned()
    done = collections.Counter()
    for number in range(ROUNDS or 2):
        harm = PROCESSORS[0] if number == 0 else cluster.random.choice(PROCESSORS)
        began = time.monotonic()
        cluster.begin_round(number)
        beside = Beside(cluster.random.choice(BROKERS), cluster, three, cluster.random.randrange(3)) if ROUNDS else None
        harm(cluster)
        done[harm.__name__] += 1
        if beside is not None:
            beside.end()
            done[beside.harm.__name__] += 1
        three.wait_until_in_sync("shared")
        cluster.acknowledged_again()
        verdict = cluster.end_round()
        what = f"{harm.__name__:19s} {beside.harm.__name__ if beside else '':13s}"
        print(f"round {number:3d} {what} {time.monotonic() - began:5.1f} s  {verdict}", flush=True)
        assert verdict.exactly_once(), f"seed {SEED}: {what}: {verdict}"
        assert verdict.acknowledged > 0
    print(dict(done))
    assert cluster.whole_ledger_holds()
    assert cluster.every_log_equals_the_store()
    assert cluster.verified_from_outside()["equal"]
