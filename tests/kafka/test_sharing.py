"""Three processors share a topic on three brokers, under load, and harm is done to all of them (F11, F12): accepted = stored = views.

MILLRACE_KAFKA_ROUNDS=120 MILLRACE_KAFKA_SEED=7 for a campaign; without them a few kinds of harm are done once, from a new seed.
"""

import collections
import os
import random
import signal
import time

import brokers
import pytest
from cluster import Cluster

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


def killed(cluster, kafka, victim):
    one = one_of(cluster)
    one.server.kill()
    cluster.wait_until_all_is_owned()
    one.server.start()


def left_and_joined(cluster, kafka, victim):
    """Two rebalances that nobody is missed in."""
    one = one_of(cluster)
    one.server.stop()
    cluster.wait_until_all_is_owned()
    one.server.start()


def paused(cluster, kafka, victim):
    """Stopped at some moment for longer than its session lasts; it wakes when others have taken over."""
    one = one_of(cluster)
    one.signal(signal.SIGSTOP)
    cluster.wait_until_all_is_owned()
    one.signal(signal.SIGCONT)


def paused_in_an_insert(cluster, kafka, victim):
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


def answers_come_late(cluster, kafka, victim):
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


def broker_and_processor_killed(cluster, kafka, victim):
    one = one_of(cluster)
    kafka.kill(victim)
    one.server.kill()
    kafka.start(victim)
    one.server.start()


ALWAYS = paused_in_an_insert
HARM = [killed, left_and_joined, paused, answers_come_late, broker_killed, broker_frozen, broker_and_processor_killed]


def test_accepted_is_stored_is_shown_whatever_happens_to_processors_and_brokers(three, cluster):
    three.wait_until_in_sync("shared")
    cluster.wait_until_all_is_owned()
    done = collections.Counter()
    some = [ALWAYS, *cluster.random.sample(HARM, 2)]
    for number in range(ROUNDS or len(some)):
        harm = cluster.random.choice([ALWAYS, *HARM]) if ROUNDS else some[number]
        began = time.monotonic()
        cluster.begin_round(number)
        harm(cluster, three, cluster.random.randrange(3))
        three.wait_until_in_sync("shared")
        cluster.acknowledged_again()
        verdict = cluster.end_round()
        done[harm.__name__] += 1
        print(f"round {number:3d} {harm.__name__:27s} {time.monotonic() - began:5.1f} s  {verdict}", flush=True)
        assert verdict.exactly_once(), f"seed {SEED}: {harm.__name__}: {verdict}"
        assert verdict.acknowledged > 0
    print(dict(done))
    assert cluster.whole_ledger_holds()
    assert cluster.every_log_equals_the_store()
    assert cluster.verified_from_outside()["equal"]
