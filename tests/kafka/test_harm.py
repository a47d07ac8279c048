"""Three brokers under load, and harm done to them and to the server (F12): what was acknowledged is stored once, and so are the views.

MILLRACE_KAFKA_ROUNDS=50 MILLRACE_KAFKA_SEED=7 for a campaign; without them each kind of harm is done once, from a new seed.
"""

import os
import random
import shutil
import time

import pytest
from any_form import AnyForm
from order import out_of_order

ROUNDS = int(os.environ.get("MILLRACE_KAFKA_ROUNDS", "0"))
SEED = int(os.environ.get("MILLRACE_KAFKA_SEED", random.randrange(1 << 30)))


@pytest.fixture
def world(three):
    print(f"seed {SEED}")
    made = AnyForm(SEED, clients=8, stream_kind="kafka", kafka_brokers=three.address, kafka_topic="harm", stream_partitions="3")
    made.start_server()
    yield made
    made.load.stop()
    made.server.kill()
    shutil.rmtree(made.folder, ignore_errors=True)


def server_killed(world, brokers, victim):
    world.kill_server()
    world.start_server()


def broker_killed(world, brokers, victim):
    brokers.kill(victim)
    time.sleep(world.random.uniform(0.5, 4))  # the harm's length is a part of what is drawn
    brokers.start(victim)
    brokers.wait_until_in_sync("harm")


def broker_frozen(world, brokers, victim):
    brokers.freeze(victim)
    time.sleep(world.random.uniform(0.5, 6))  # beyond the session of a broker, or not
    brokers.thaw(victim)
    brokers.wait_until_in_sync("harm")


def both_killed(world, brokers, victim):
    brokers.kill(victim)
    world.kill_server()
    world.start_server()
    brokers.start(victim)
    brokers.wait_until_in_sync("harm")


def started_beside_a_frozen_broker(world, brokers, victim):
    brokers.freeze(victim)
    world.kill_server()
    world.start_server()
    brokers.thaw(victim)
    brokers.wait_until_in_sync("harm")


HARM = [server_killed, broker_killed, broker_frozen, both_killed, started_beside_a_frozen_broker]


def acknowledged_again(world):
    """Somebody gets a success for something that was sent from now on."""
    now = time.monotonic()
    world.wait_until("events are taken again", lambda: world.load.acknowledged_at > now, 60)


def test_what_was_acknowledged_is_stored_once_whatever_is_killed(three, world):
    three.wait_until_in_sync("harm")
    for number in range(ROUNDS or len(HARM)):
        harm = HARM[number % len(HARM)] if ROUNDS == 0 else world.random.choice(HARM)
        world.begin_round(number)
        harm(world, three, world.random.randrange(3))
        acknowledged_again(world)
        verdict = world.end_round(number)
        print(f"round {number:3d} {harm.__name__:14s} {world.settings['kafka_message']:6s} {verdict}", flush=True)
        assert verdict.exactly_once(), f"seed {SEED}: {harm.__name__}: {verdict}"
        assert verdict.acknowledged > 0
    assert world.whole_ledger_holds()
    assert out_of_order(world) == []
    assert world.server.json("GET", "/v1/verify")["equal"]
