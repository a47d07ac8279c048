"""Several processors share the partitions of one topic by a consumer group; what they know moves with the partition."""

import brokers
import pytest


def events(count, prefix):
    return [{"event": "buy", "user_id": f"u{i}", "message_id": f"{prefix}-{i}"} for i in range(count)]


def owned(server):
    return sorted(p["partition"] for p in server.health()["partitions"] if p["epoch"] > 0)


@pytest.mark.parametrize("message", ["packed", "json"])
def test_partitions_move_to_a_second_processor_and_back_and_ids_with_them(kafka, start, store, message):
    common = {"stream_partitions": 4, "store_url": store.url()}
    ingest = start(kafka, f"moving-{message}", folder="ingest", stream_partitions=4, roles="ingest", kafka_message=message)
    first = start(kafka, f"moving-{message}", folder="first", roles="process", **common)
    brokers.until(lambda: owned(first) == [0, 1, 2, 3], "the first processor has all partitions")
    ingest.send(events(2000, "a"))
    sql = store.sql()

    def stored(count):
        return lambda: sql("SELECT count(), uniqExact(message_id) FROM faults.events").split() == [str(count)] * 2

    brokers.until(stored(2000), "the first stores")
    second = start(kafka, f"moving-{message}", folder="second", roles="process", **common)
    brokers.until(lambda: len(owned(first)) == len(owned(second)) == 2, "they share the partitions")
    ingest.send(events(2000, "a"))  # repeats, which the second knows of
    ingest.send(events(2000, "b"))
    brokers.until(stored(4000), "both store")
    first.kill()
    brokers.until(lambda: owned(second) == [0, 1, 2, 3], "the second has all of them")
    ingest.send(events(2000, "b"))
    ingest.send(events(2000, "c"))
    brokers.until(stored(6000), "the second stores")
