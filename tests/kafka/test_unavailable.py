"""Kafka can't be reached: requests are refused at once and say why, until it is back."""

import json
import time

import pytest


def send(server, prefix):
    event = {"event": "buy", "user_id": "u1", "message_id": prefix}
    status, headers, body = server.request("POST", "/v1/events", json.dumps([event]).encode(),
                                           headers={"Content-Type": "application/json"})
    return status, headers, body


def wait_for_status(server, wanted, timeout_s=60):
    """Until a request that is new each time is answered so; the ids of those that were acknowledged on the way."""
    deadline = time.monotonic() + timeout_s
    acknowledged = []
    while True:
        prefix = f"{wanted}-{time.monotonic_ns()}"
        status, _, body = send(server, prefix)
        if status == 200:
            acknowledged.append(prefix)
        if status == wanted:
            return acknowledged
        assert time.monotonic() < deadline, f"{status} {body!r}"


def test_requests_are_refused_at_once_until_kafka_is_back(alone, start):
    server = start(alone, "away", kafka_timeout="5s", kafka_unavailable_after="1s")
    taken = wait_for_status(server, 200)
    server.wait_until_open()
    alone.kill(0)
    taken += wait_for_status(server, 503)
    began = time.monotonic()
    for i in range(20):
        status, headers, body = send(server, f"refused-{i}")
        assert status == 503 and "retry-after" in headers and b"Kafka" in body, (status, headers, body)
    assert time.monotonic() - began < 5, "a refusal is an answer at once"
    health = server.health()
    assert not health["ready"] and "Kafka" in health["reason"], health
    assert server.request("GET", "/readyz", key=None)[0] == 503
    assert server.request("POST", "/v1/query", b'{"measures":["count"],"range":"1d"}', headers={"Content-Type": "application/json"})[0] == 200
    alone.start(0)
    taken += wait_for_status(server, 200)
    assert server.health()["ready"]
    server.wait_until_stored()
    audit = server.health()["audit"]
    assert audit["holds"] and audit["stored"] >= len(taken), (audit, len(taken))
    assert audit["stored"] + audit["repeats"] == audit["accepted"]
    server.stop()


def test_a_start_without_kafka_waits_and_then_says_so(tmp_path, start):
    class Nobody:
        address = "127.0.0.1:1"
    with pytest.raises(AssertionError, match="Kafka can't be asked"):
        start(Nobody, "nobody", kafka_timeout="2s")
