"""source.kafka: what other programs write into a topic, as JSON, is in the store once each."""

import json

import brokers
import pytest


@pytest.fixture
def start(serve):
    return lambda kafka, topic, **settings: serve(source_kafka_brokers=kafka.address, source_kafka_topic=topic, **settings)


def make_topic(kafka, name, partitions):
    kafka.tool("org.apache.kafka.tools.TopicCommand", "--create", "--topic", name, "--partitions", str(partitions),
               "--replication-factor", "1", "--bootstrap-server", kafka.address)


def write(kafka, topic, names, *words):
    """One event a message, keyed by its user, by kcat: a program of somebody else."""
    lines = "".join(f'u{i % 7}\t{json.dumps({"event": name, "user_id": f"u{i % 7}", "properties": {"n": i}})}\n' for i, name in enumerate(names))
    brokers.kcat(kafka, "-P", "-t", topic, "-K", "\t", *words, data=lines.encode())


def names(count, prefix):
    return [f"{prefix}-{i}" for i in range(count)]


def wait_until_counted(server, stored, repeats=None, timeout_s=60):
    import time
    deadline = time.monotonic() + timeout_s
    while True:
        audit = server.health()["audit"]
        if audit and audit["stored"] >= stored:
            return audit
        assert time.monotonic() < deadline, audit
        time.sleep(0.05)  # polling a state that nothing announces


def stored_names(server):
    answer = server.query(measures=["count"], by=["event"], range="1d", limit=10_000)
    columns = {column["name"]: column["values"] for column in answer["columns"]} if "columns" in answer else None
    assert columns, answer
    return dict(zip(columns["event"], columns["count"], strict=True))


def test_what_kcat_writes_is_read_once_each_and_what_is_malformed_fails_with_its_reason(kafka, start):
    make_topic(kafka, "theirs", 3)
    write(kafka, "theirs", names(200, "before"))
    server = start(kafka, "theirs")
    server.wait_until_open()
    wait_until_counted(server, 200)
    brokers.kcat(kafka, "-P", "-t", "theirs", "-p", "1", data=b'{"event":"cut"')
    write(kafka, "theirs", names(100, "behind"))
    audit = wait_until_counted(server, 300)
    assert audit["holds"] and audit["repeats"] == 0, audit
    failed = server.json("GET", "/v1/failed")["failed"]
    assert len(failed) == 1 and failed[0]["raw"] == '{"event":"cut"', failed
    assert "topic theirs, partition 1, offset" in failed[0]["reason"], failed
    assert server.metrics()["millrace_source_messages_total"] == 301
    server.stop()


def test_a_server_killed_and_a_broker_restarted_lose_nothing_and_double_nothing(alone, start):
    make_topic(alone, "theirs", 2)
    write(alone, "theirs", names(300, "a"))
    server = start(alone, "theirs")
    server.wait_until_open()
    wait_until_counted(server, 300)
    write(alone, "theirs", names(300, "b"))
    server.kill()
    server.start()
    server.wait_until_open()
    wait_until_counted(server, 600)
    alone.kill(0)
    alone.start(0)
    alone.wait_until_ready()
    write(alone, "theirs", names(300, "c"))
    wait_until_counted(server, 900)
    server.kill()
    # What was read is not written down: all of it is read again, and is a repeat.
    (server.folder / "source/theirs.offsets").unlink()
    server.start()
    server.wait_until_open()
    write(alone, "theirs", names(1, "last"))
    wait_until_counted(server, 901)
    server.wait_until_stored()
    audit = server.health()["audit"]
    assert audit["stored"] == 901 and audit["repeats"] >= 900 and audit["holds"], audit
    assert set(stored_names(server).values()) == {1}
    assert server.json("GET", "/v1/verify")["equal"]
    server.stop()


def test_what_a_transaction_wrote_is_read_and_its_marks_are_nobody_s(kafka, start):
    """ProducerPerformance commits; its messages aren't JSON and fail one by one, the marks behind them are nobody's."""
    make_topic(kafka, "theirs-tx", 1)
    kafka.tool("org.apache.kafka.tools.ProducerPerformance", "--topic", "theirs-tx", "--num-records", "3", "--record-size", "10",
               "--throughput", "-1", "--transactional-id", "source", "--transaction-duration-ms", "1000",
               "--producer-props", f"bootstrap.servers={kafka.address}")
    server = start(kafka, "theirs-tx")
    write(kafka, "theirs-tx", names(5, "x"))
    server.wait_until_open()
    wait_until_counted(server, 5)
    assert len(server.json("GET", "/v1/failed")["failed"]) == 3
    server.stop()
