"""A server that only answers: its live views, its audit and how far it is come from the processor, which comes and goes."""

import brokers

from live_client import LiveStream
from millrace_server import free_port

FEED = "feed-key-of-a-test-0123456789"


def events(count, prefix):
    return [{"event": f"e{i % 3}", "user_id": f"u{i % 17}", "message_id": f"{prefix}-{i}"} for i in range(count)]


def shown(query):
    view = query.json("GET", "/v1/views/events_by_minute")
    return sum(next(column["values"] for column in view["columns"] if column["name"] == "count"))


def audit_is(query, rows):
    audit = query.health()["audit"]
    assert audit["holds"], audit
    return audit["accepted"] == audit["stored"] == audit["views"] == rows


def counted(data):
    return sum(next(column["values"] for column in data["columns"] if column["name"] == "count"))


def test_views_and_audit_of_a_server_that_only_answers_are_those_of_the_processor(kafka, start, store):
    address = f"127.0.0.1:{free_port()}"
    ingest = start(kafka, "merged", folder="ingest", stream_partitions=2, roles="ingest")
    process = start(kafka, "merged", folder="process", stream_partitions=2, roles="process", store_url=store.url(), listen=address,
                    environment={"MILLRACE_FEED_KEY": FEED})
    query = start(kafka, "merged", folder="query", stream_partitions=2, roles="query", store_url=store.url(),
                  query_processors=f"http://{address}", query_processors_key=FEED)
    ingest.send(events(500, "a"))
    brokers.until(lambda: audit_is(query, 500), "the audit of the server that only answers has every event once")
    health = query.health()
    assert [(one["address"], one["up"], sorted(one["partitions"])) for one in health["processors"]] == [(f"http://{address}", True, [0, 1])]
    assert shown(query) == 500

    with LiveStream(query, "view:events_by_minute") as live, LiveStream(query, "tail") as tail:
        assert counted(live.until(lambda event, _: event == "snapshot")) == 500
        assert tail.until(lambda event, _: event == "error")["title"] == "Not on this server"

        process.kill()
        brokers.until(lambda: not query.health()["processors"][0]["up"], "a processor that is away is told")
        assert all("is away" in partition["trouble"] for partition in query.health()["partitions"])
        assert shown(query) == 500  # with its age told

        ingest.send(events(200, "b"))
        process.start()
        brokers.until(lambda: audit_is(query, 700), "what came meanwhile is there, and nothing twice")
        assert shown(query) == 700
        live.until(lambda event, _: event in ("snapshot", "delta"))
    assert all(partition["trouble"] == "" for partition in query.health()["partitions"])
    assert query.query(measures=["count"], range="1d")["columns"][0]["values"] == [700]


def test_a_key_that_may_not_hear_the_feed_is_told_of_with_what_makes_one_that_may(kafka, start, store):
    process = start(kafka, "refused", folder="process", stream_partitions=2, roles="process", store_url=store.url())
    read = process.json("POST", "/v1/keys", {"name": "reader", "scopes": ["read"]}, expect=201)["secret"]
    feed = process.json("POST", "/v1/keys", {"name": "query", "scopes": ["feed"]}, expect=201)["secret"]
    common = {"stream_partitions": 2, "roles": "query", "store_url": store.url(), "query_processors": f"http://{process.address}"}
    refused = start(kafka, "refused", folder="refused", query_processors_key=read, **common)
    brokers.until(lambda: "--scopes feed" in str(refused.health()["processors"][0]["reason"]), "the command that makes a key is told")
    reason = refused.health()["processors"][0]["reason"]
    assert "answers 403 to query.processors_key" in reason and "MILLRACE_FEED_KEY" in reason, reason
    taken = start(kafka, "refused", folder="taken", query_processors_key=feed, **common)
    brokers.until(lambda: taken.health()["processors"][0]["up"], "a key of the scope feed is taken")
