"""POST /v1/events from the outside."""

import gzip
import json
import threading

import pytest
import zstandard

from millrace_server import KEY, Server, columns

ALL = {"range": ["2000-01-01", "2030-01-01"]}


def event(**members):
    return {"event": "click", "user_id": "u1", **members}


def count(server, **query):
    server.wait_until_stored()
    return columns(server.query(measures=["count"], **{**ALL, **query}))["count"][0]


def test_an_object_an_array_and_lines(fresh):
    assert fresh.send(event())["accepted"] == 1
    assert fresh.send([event(), event()])["accepted"] == 2
    lines = "\n".join(json.dumps(event()) for _ in range(3))
    answer = fresh.json("POST", "/v1/events", lines, headers={"Content-Type": "application/x-ndjson"})
    assert answer["accepted"] == 3 and answer["rejected"] == []
    assert count(fresh) == 6


@pytest.mark.parametrize("encoding, pack", [("gzip", gzip.compress), ("zstd", zstandard.compress), ("identity", bytes)])
def test_packed_bodies(fresh, encoding, pack):
    body = pack("\n".join(json.dumps(event()) for _ in range(1000)).encode())
    answer = fresh.json("POST", "/v1/events", body, headers={"Content-Type": "application/x-ndjson", "Content-Encoding": encoding})
    assert answer["accepted"] == 1000
    assert count(fresh) == 1000


def test_good_events_of_a_batch_are_taken_and_bad_ones_listed(fresh):
    body = b"\n".join([json.dumps(event()).encode(), b'{"user_id": "no event"}', b"{broken", json.dumps(event()).encode()])
    answer = fresh.json("POST", "/v1/events", body, headers={"Content-Type": "application/x-ndjson"})
    assert answer["accepted"] == 2
    assert [r["index"] for r in answer["rejected"]] == [1, 2]
    assert count(fresh) == 2
    failed = fresh.json("GET", "/v1/failed")["failed"]
    assert [f["raw"] for f in failed][::-1] == ['{"user_id": "no event"}', "{broken"]
    assert all(f["reason"] for f in failed)


def test_a_batch_without_a_good_event_is_refused(fresh):
    refusal = fresh.json("POST", "/v1/events", [{"user_id": "u"}], expect=400)
    assert refusal["type"] == "urn:millrace:error:no-valid-events"
    fresh.json("POST", "/v1/events", b"{", expect=400, headers={"Content-Type": "application/json"})


def test_an_id_counts_once_even_across_a_restart(tmp_path):
    server = Server(tmp_path / "data").start()
    server.send([event(message_id="a"), event(message_id="b"), event(message_id="a")])
    server.send(event(message_id="b"))
    assert count(server) == 2
    server.stop()
    server.start()
    server.send([event(message_id="a"), event(message_id="c")])
    assert count(server) == 3
    server.kill()
    server.start()
    server.send([event(message_id="c"), event(message_id="a")])
    assert count(server) == 3
    server.stop()


def test_a_batch_with_an_idempotency_key_counts_once(fresh):
    for _ in range(3):
        fresh.send([event(), event()], headers={"Idempotency-Key": "batch-1"})
    fresh.send([event(), event()], headers={"Idempotency-Key": "batch-2"})
    assert count(fresh) == 4


def test_the_answers_position_is_read_your_writes(fresh):
    for n in range(20):
        position = fresh.send(event())["position"]
        answer = fresh.query(measures=["count"], min_position=position, **ALL)
        assert columns(answer)["count"] == [n + 1]


def test_times_are_told_apart_by_magnitude(fresh):
    seconds = 1_700_000_000
    fresh.send([event(timestamp=t) for t in (seconds, seconds * 10**3, seconds * 10**6, "2023-11-14T22:13:20Z")])
    fresh.wait_until_stored()
    answer = columns(fresh.query(measures=["count"], range=[seconds, seconds + 1], every="second"))
    assert answer == {"time": [seconds * 1000], "count": [4]}


def test_refusals(fresh):
    status, headers, _ = fresh.request("POST", "/v1/events", b"{}", key=None)
    assert status == 401 and "www-authenticate" in headers
    assert fresh.request("POST", "/v1/events", b"{}", key="wrong")[0] == 401
    assert fresh.request("POST", "/v1/events", b"<x/>", headers={"Content-Type": "application/xml"})[0] == 415
    assert fresh.request("POST", "/v1/events", b"{}", headers={"Content-Type": "application/json", "Content-Encoding": "br"})[0] == 415
    assert fresh.request("POST", "/v1/events", b" " * (11 << 20), headers={"Content-Type": "application/json"})[0] == 413
    assert fresh.request("GET", "/nowhere")[0] == 404
    assert fresh.request("DELETE", "/v1/events")[0] == 405


def test_a_bomb_is_refused(fresh):
    bomb = gzip.compress(b" " * (100 << 20))
    status, _, _ = fresh.request("POST", "/v1/events", bomb, headers={"Content-Type": "application/json", "Content-Encoding": "gzip"})
    assert status == 413
    assert fresh.send(event())["accepted"] == 1


def test_many_clients_at_once(fresh):
    def work(number):
        for n in range(50):
            fresh.send([event(message_id=f"{number}-{n}-{i}") for i in range(10)])

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count(fresh) == 8 * 50 * 10
    partitions = fresh.health()["partitions"]
    assert sum(p["rows"] for p in partitions) == 4000


def test_properties_keep_their_types(fresh):
    fresh.send([event(properties={"n": 3, "x": 1.5, "s": "é\"", "b": True, "deep": {"a": [1, {"c": None}]}, "nothing": None})])
    fresh.wait_until_stored()
    latest = fresh.json("GET", "/v1/events?limit=1")["events"][0]
    assert latest["properties"] == {"n": 3, "x": 1.5, "s": "é\"", "b": True, "deep": {"a": [1, {"c": None}]}, "nothing": None}


def test_names_in_the_schema_can_be_asked_about(fresh):
    names = ["plain", "with.a.dot", 'a "quote"', '=HYPERLINK("http://127.0.0.1:1/","x")', "back\\slash", 'back\\ and "quote"', "price\u202e"]
    fresh.send([event(properties={name: n for name in names}) for n in (1, 2)])
    fresh.wait_until_stored()
    fields = [field["name"] for field in fresh.json("GET", "/v1/schema")["fields"] if field["name"].startswith("properties.")]
    assert len(fields) == len(names)
    for field in fields:
        answer = columns(fresh.query(measures=["count"], by=[field], **ALL))
        assert answer["count"] == [1, 1], field


def test_keys_have_scopes(fresh):
    made = fresh.json("POST", "/v1/keys", {"name": "site", "scopes": ["write"]}, expect=201)
    write = made["secret"]
    assert fresh.json("POST", "/v1/events", event(), key=write)["accepted"] == 1
    assert fresh.request("GET", "/v1/schema", key=write)[0] == 403
    body = json.dumps(event())
    assert fresh.request("POST", f"/v1/events?key={write}", body, headers={"Content-Type": "text/plain"}, key=None)[0] == 200
    assert fresh.request("POST", f"/v1/events?key={KEY}", body, headers={"Content-Type": "text/plain"}, key=None)[0] == 401
    listed = fresh.json("GET", "/v1/keys")["keys"]
    assert made["key"]["id"] in [key["id"] for key in listed]
    assert write not in json.dumps(listed)
    assert fresh.request("DELETE", f"/v1/keys/{made['key']['id']}")[0] == 204
    assert fresh.request("POST", "/v1/events", body, headers={"Content-Type": "application/json"}, key=write)[0] == 401
    assert not any(write in line or KEY in line for line in fresh.log)
