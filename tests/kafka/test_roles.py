"""Servers with less than all roles that share one topic and one store."""

import json

import brokers


def events(count, prefix):
    return [{"event": "buy", "user_id": f"u{i % 17}", "message_id": f"{prefix}-{i}"} for i in range(count)]


def refusal(server, method, path):
    status, _, body = server.request(method, path, b"{}" if method == "POST" else None)
    return status, json.loads(body)["detail"]


def test_a_server_that_only_takes_events_says_so_to_every_question(kafka, start):
    server = start(kafka, "only-ingest", roles="ingest")
    answer = server.send(events(10, "a"))
    assert answer == {"accepted": 10, "rejected": [], "rejected_count": 0}  # no place: others write there too
    for method, path in (("POST", "/v1/query"), ("GET", "/v1/live"), ("GET", "/v1/views"), ("GET", "/"), ("GET", "/v1/dashboards")):
        assert refusal(server, method, path) == (404, "The roles of this server are ingest; this is answered by one with query.")
    assert refusal(server, "GET", "/v1/verify")[0] == 404
    health = server.health()
    assert health["roles"] == "ingest" and health["ready"] and health["partitions"] == []
    assert server.request("GET", "/readyz")[0] == 200
    assert server.metrics()["millrace_ingest_accepted_events_total"] == 10
    server.stop()
    assert not (server.folder / "kafka/0.index").exists()  # it doesn't read the topic


def test_two_that_take_events_one_that_processes_and_one_that_answers(kafka, start, store):
    ingest = [start(kafka, "shared", folder=f"ingest-{i}", stream_partitions=2, roles="ingest") for i in range(2)]
    process = start(kafka, "shared", folder="process", stream_partitions=2, roles="process", store_url=store.url())
    query = start(kafka, "shared", folder="query", stream_partitions=2, roles="query", store_url=store.url())
    for i, server in enumerate(ingest):
        server.send(events(300, f"n{i}"))
        server.send(events(300, "both"))
    process.wait_until_open()
    query.wait_until_open()

    def stored():
        return query.query(measures=["count"], range="1d")["columns"][0]["values"] == [900]

    brokers.until(stored, "what both took is stored once")
    audit = process.health()["audit"]
    assert (audit["accepted"], audit["stored"], audit["repeats"]) == (1200, 900, 300), audit
    assert refusal(process, "POST", "/v1/events") == (404, "The roles of this server are process; this is answered by one with ingest.")
    assert refusal(query, "POST", "/v1/views") == (404, "The roles of this server are query; this is answered by one with query and process.")
    assert query.request("GET", "/readyz")[0] == process.request("GET", "/readyz")[0] == 200
