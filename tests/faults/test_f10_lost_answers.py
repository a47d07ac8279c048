"""F10: the insert was done, but its answer is lost, a fifth of the time."""

import random
import time

from store_alone import StoreAlone
from watch import Pace, stored_ids


def test_every_event_is_stored_once_though_answers_are_lost(tmp_path, start, long, figures):
    seed = int.from_bytes(random.randbytes(4), "little")
    print(f"seed {seed}")
    chance = random.Random(seed)
    store = StoreAlone(tmp_path / "store")
    proxy = store.proxy
    try:
        server = start(store=store, store_url=store.url(), process_batch_age="20ms")
        server.wait_until_open()
        proxy.lose_answer = lambda number: chance.random() < 0.2
        with Pace(server, batches_per_second=50, events=10) as pace:
            wanted, begin = (500 if long else 8), time.monotonic()
            while proxy.lost < wanted:
                assert time.monotonic() - begin < 600, f"only {proxy.lost} of {proxy.inserts} inserts lost their answer"
                time.sleep(0.05)  # polling
        proxy.lose_answer = lambda number: False
        server.wait_until_stored(120)
        counts = stored_ids(server)
        assert pace.acknowledged <= set(counts), "lost"
        assert set(counts.values()) == {1}, "stored twice"
        assert set(counts) <= pace.sent
        failures = server.metrics()["millrace_store_insert_failures_total"]
        assert failures >= proxy.lost, f"{proxy.lost} answers were lost, and the server noticed {failures:.0f}"
        figures(inserts=proxy.inserts, answers_lost=proxy.lost, events=len(counts), seed=seed)
        server.stop()
    finally:
        store.close()
