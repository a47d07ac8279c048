"""F9: the store is slow (+5 s an insert) or stopped. Ingest doesn't notice, memory is bounded, what waited is caught up with."""

import os
import signal
import time

import pytest
from store_alone import StoreAlone
from watch import MB, Pace, quantile, resident_bytes, stored_ids

RATE = 40  # batches of 50 events a second
GROWTH_MAX = 150 * MB


def stored_until(server):
    return sum(p["stored_until"] for p in server.health()["partitions"])


def catch_up_rate(server, pace_rate):
    """Events a second that are stored while new ones arrive, until nothing is left."""
    begin, before = time.monotonic(), stored_until(server)
    while True:
        partitions = server.health()["partitions"]
        behind = sum(p["durable_end"] - p["stored_until"] for p in partitions)
        if behind <= pace_rate // 2:
            return (stored_until(server) - before) / (time.monotonic() - begin)
        assert time.monotonic() - begin < 300, f"it does not catch up: {behind} behind"
        time.sleep(0.02)  # polling


def compare(before, during, figures, **more):
    """p99 may be a fifth more; on a machine that does other things too, and in short, only a stall is told from noise."""
    p99_before, p99_during = quantile(before, 0.99), quantile(during, 0.99)
    figures(p99_before_ms=round(p99_before, 1), p99_during_ms=round(p99_during, 1), **more)
    assert p99_during < max(3 * p99_before, p99_before + 250), f"p99 rose from {p99_before:.1f} to {p99_during:.1f} ms"


@pytest.fixture
def proxied(tmp_path, start):
    store = StoreAlone(tmp_path / "store")
    server = start(store=store, store_url=store.url())
    server.wait_until_open()
    yield server, store.proxy
    server.kill()
    store.close()


def test_a_stopped_engine_is_not_noticed_by_ingest(start, long, figures):
    server = start(process_checkpoint_interval="200ms")
    engine = server.wait_until_open()["pid"]
    with Pace(server, RATE) as pace:
        pace.measure(2.0)
        before, statuses = pace.measure(60 if long else 4)
        assert set(statuses) == {200}
        memory = resident_bytes(server.process.pid)
        os.kill(engine, signal.SIGSTOP)
        try:
            during, statuses = pace.measure(600 if long else 6)
        finally:
            try:
                os.kill(engine, signal.SIGCONT)
            except ProcessLookupError:
                pass  # after two minutes without an answer it was killed and started again
        assert set(statuses) == {200}, statuses
        growth = resident_bytes(server.process.pid) - memory
        rate = catch_up_rate(server, RATE * 50)
    server.wait_until_stored()
    counts = stored_ids(server)
    assert set(counts) == pace.acknowledged and set(counts.values()) == {1}
    assert growth < GROWTH_MAX, f"memory grew by {growth // MB} MB"
    assert rate >= 2 * RATE * 50, f"caught up at {rate:.0f} events/s, arrivals are {RATE * 50}"
    compare(before, during, figures, memory_grew_mb=growth // MB, arrivals_per_s=RATE * 50, caught_up_per_s=round(rate))


def test_inserts_that_take_five_seconds_more_are_not_noticed_by_ingest(proxied, long, figures):
    server, proxy = proxied
    with Pace(server, RATE) as pace:
        pace.measure(2.0)
        before, _ = pace.measure(60 if long else 4)
        memory = resident_bytes(server.process.pid)
        seconds = 600 if long else 12
        inserts = proxy.inserts
        proxy.delay_s = 5.0
        during, statuses = pace.measure(seconds)
        proxy.delay_s = 0.0
        inserts = proxy.inserts - inserts
        assert set(statuses) == {200}, statuses
        growth = resident_bytes(server.process.pid) - memory
        rate = catch_up_rate(server, RATE * 50)
    server.wait_until_stored()
    counts = stored_ids(server)
    assert set(counts) == pace.acknowledged and set(counts.values()) == {1}
    assert 1 <= inserts <= seconds / 5 + 2, f"{inserts} inserts in {seconds} s: they were not slow"
    assert growth < GROWTH_MAX, f"memory grew by {growth // MB} MB"
    # The last slow insert is waited for; in short, that is most of the time.
    assert rate >= (2 if long else 1) * RATE * 50, f"caught up at {rate:.0f} events/s, arrivals are {RATE * 50}"
    compare(before, during, figures, slow_inserts=inserts, memory_grew_mb=growth // MB, arrivals_per_s=RATE * 50, caught_up_per_s=round(rate))
