"""Views, and the stream of what changes in them."""

import json
import threading
import time

import pytest

from live_client import LiveStream, Picture, wait_for_count, wait_until_live
from millrace_server import KEY, Server, columns

SECONDS = "view:events_by_second"
MINUTES = "view:events_by_minute"


def events(count, name="e", prefix="m", **more):
    return [{"event": name, "user_id": f"u{n % 7}", "message_id": f"{prefix}{n}", **more} for n in range(count)]


@pytest.fixture
def live(fresh):
    """A server whose built-in views are live."""
    wait_until_live(fresh, "events_by_second")
    wait_until_live(fresh, "events_by_minute")
    return fresh


def recount(server):
    """Every stored event by minute and name, as the query API counts."""
    answer = columns(server.query(measures=["count", "uniq(visitor)"], by=["event"], range="24h", every="minute", limit=10_000))
    return {(t, e): (c, u) for t, e, c, u in zip(answer["time"], answer["event"], answer["count"], answer["uniq(visitor)"], strict=True)}


def view_rows(server, name="events_by_minute"):
    answer = columns(server.json("GET", f"/v1/views/{name}"))
    return {(t, e): (c, u) for t, e, c, u in zip(answer["time"], answer["event"], answer["count"], answer["uniq(visitor)"], strict=True)}


def test_an_event_is_in_a_delta_within_a_second(live):
    with LiveStream(live, SECONDS) as stream:
        assert stream.status == 200 and stream.headers["content-type"] == "text/event-stream"
        event, _, data = stream.read()
        assert event == "snapshot" and data["topic"] == SECONDS and data["rows"] == 0
        assert [column["name"] for column in data["columns"]] == ["time", "event", "count", "uniq(visitor)"]
        for n in range(5):
            sent = time.monotonic()
            live.send({"event": "click", "user_id": "u1", "message_id": f"x{n}"})
            data = stream.until(lambda event, data: event == "delta" and "click" in columns(data)["event"])
            assert time.monotonic() - sent < 1.0


def test_a_viewer_who_adds_up_deltas_knows_what_the_view_says(live):
    picture = Picture()
    with LiveStream(live, MINUTES) as stream:
        for n in range(20):
            live.send(events(50, name=f"e{n % 3}", prefix=f"{n}-") * 2)  # the second half of them are repeats
        wait_for_count(stream, picture, 1000)
    assert picture.rows == view_rows(live)
    live.wait_until_stored()
    assert picture.rows == recount(live)


def test_late_events_are_in_their_bucket_and_older_ones_are_not_in_the_view(live):
    now = int(time.time())
    live.send([{"event": "late", "message_id": f"l{ago}", "timestamp": (now - ago) * 1000} for ago in (300, 600, 3 * 86_400)])
    with LiveStream(live, MINUTES) as stream:
        picture = wait_for_count(stream, Picture(), 2)
    assert sorted(time_ms for time_ms, _ in picture.rows) == sorted((now - ago) // 60 * 60_000 for ago in (300, 600))
    assert next(view for view in live.json("GET", "/v1/views")["views"] if view["name"] == "events_by_minute")["outside"] == 1


def test_last_event_id_goes_on_without_a_gap_or_a_double(live):
    picture = Picture()
    with LiveStream(live, MINUTES, "tail") as stream:
        live.send(events(10))
        while picture.count() != 10:
            event, _, data = stream.read()
            if data["topic"] == MINUTES:
                picture.take(event, data)
        last = stream.id
    live.send(events(10, prefix="while-away-"))
    with LiveStream(live, MINUTES, "tail", last_event_id=last) as stream:
        while picture.count() != 20:
            event, _, data = stream.read()
            if data["topic"] == MINUTES:
                picture.take(event, data)
    assert picture.snapshots == 1, "it went on with deltas"


def test_a_restart_of_the_server_is_a_new_snapshot_and_counts_go_on(tmp_path):
    server = Server(tmp_path / "data").start()
    wait_until_live(server, "events_by_minute")
    picture = Picture()
    with LiveStream(server, MINUTES) as stream:
        server.send(events(25))
        wait_for_count(stream, picture, 25)
        last = stream.id
    counted = 25
    for stop in (server.kill, server.stop):
        stop()
        server.start()
        wait_until_live(server, "events_by_minute")
        picture = Picture()
        with LiveStream(server, MINUTES, last_event_id=last) as stream:
            event, last, data = stream.read()
            assert event == "snapshot"
            assert picture.take(event, data).count() == counted
            server.send(events(25))  # repeats
            server.send({"event": "after"})
            counted += 1
            wait_for_count(stream, picture, counted)
            last = stream.id
        server.wait_until_stored()
        assert view_rows(server) == recount(server) == picture.rows
    server.stop()


def test_the_audit_counts_what_views_have_seen_and_verify_compares_them_with_the_store(live):
    live.send(events(30) * 2 + [{"event": "old", "message_id": "old", "timestamp": (int(time.time()) - 86_400 * 5) * 1000}])
    live.wait_until_stored()
    audit = live.health()["audit"]
    assert audit["holds"] and audit["views"] == audit["stored"] == 31 and audit["repeats"] == 30
    report = live.json("GET", "/v1/verify")
    assert report["equal"] and report["views"]["differ"] == 0
    assert report["views"]["events"] == 30, "one is older than what the view keeps"


def test_a_revoked_key_ends_its_streams_and_no_others(live):
    made = live.json("POST", "/v1/keys", {"name": "for a look", "scopes": ["read"]}, expect=201)
    with LiveStream(live, MINUTES, key=made["secret"]) as ends, LiveStream(live, MINUTES) as stays:
        ends.read()
        picture = Picture().take(*stays.read()[::2])
        revoked = time.monotonic()
        live.request("DELETE", f"/v1/keys/{made['key']['id']}")
        while ends.file.readline():
            pass
        assert time.monotonic() - revoked < 3
        live.send(events(1))
        wait_for_count(stays, picture, 1)


def test_logging_out_ends_the_sessions_streams(live):
    body = json.dumps({"key": KEY})
    _, headers, _ = live.request("POST", "/v1/session", body, headers={"Content-Type": "application/json"}, key=None)
    cookie = headers["set-cookie"].split(";")[0]
    with LiveStream(live, MINUTES, key=None, cookie=cookie) as stream:
        stream.read()
        live.request("DELETE", "/v1/session", key=None, headers={"Cookie": cookie, "X-Millrace": "1"})
        while stream.file.readline():
            pass


def test_views_equal_a_recount_after_kill_9_under_load(tmp_path):
    server = Server(tmp_path / "data", process_snapshot_log_bytes="1MiB").start()
    wait_until_live(server, "events_by_minute")
    for kill in range(4):
        stopping = threading.Event()

        def load(number, kill=kill, stopping=stopping):
            n = 0
            while not stopping.is_set():
                try:
                    server.send(events(50, name=f"e{number}", prefix=f"{kill}-{number}-{n % 40}-", properties={"pad": "x" * 200}))
                except (OSError, AssertionError, Exception):  # the server is being killed
                    return
                n += 1

        threads = [threading.Thread(target=load, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        with LiveStream(server, MINUTES) as stream:
            picture = Picture()
            while picture.count() < 3000 * (kill + 1):
                event, _, data = stream.read()
                picture.take(event, data)
        server.kill()
        stopping.set()
        for thread in threads:
            thread.join()
        server.start()
        wait_until_live(server, "events_by_minute")
        server.wait_until_stored()
        assert view_rows(server) == recount(server), f"after kill {kill}"
    server.stop()


def test_a_slow_viewer_gets_the_newest_state_and_holds_nobody_up(live):
    live.json("POST", "/v1/views", {"name": "wide", "by": ["properties.k"], "grain": "minute"}, expect=201)
    wait_until_live(live, "wide")

    def burst(number):
        live.send([{"event": "e", "properties": {"k": f"{number}-{n}" + "x" * 200}} for n in range(400)])

    with LiveStream(live, "view:wide", receive_bytes=4096) as slow, LiveStream(live, "view:wide") as quick:
        picture = Picture()
        for number in range(20):
            burst(number)
            wait_for_count(quick, picture, 400 * (number + 1))
        slow_picture = wait_for_count(slow, Picture(), 8000)
        assert slow_picture.rows == picture.rows
        assert slow_picture.snapshots >= 1
    assert live.metrics()["millrace_live_frames_total"] > 20


def test_a_view_is_built_from_what_is_there_and_kept(tmp_path):
    server = Server(tmp_path / "data").start()
    server.send([{"event": "buy", "user_id": f"u{n % 40}", "properties": {"price": n, "path": f"/p{n % 3}"}} for n in range(300)])
    server.send(events(10, name="other"))
    view = {
        "name": "sales", "where": ["=", "event", "buy"], "by": [], "grain": "fifteen_minutes", "horizon": "24h",
        "measures": ["count", "uniq(user_id)", "sum(properties.price)", "min(properties.price)", "max(properties.price)",
                     "mean(properties.price)", "quantile(0.5, properties.price)", "top(2, properties.path)"],
    }  # fmt: skip
    server.json("POST", "/v1/views", view, expect=201)
    assert server.json("POST", "/v1/views", view, expect=200)["origin"] == "api"
    server.json("POST", "/v1/views", {**view, "grain": "minute"}, expect=409)
    problem = server.json("POST", "/v1/views", {"name": "x", "measures": ["median(properties.price)"]}, expect=400)
    assert "quantile(0.5" in problem["detail"]
    for _ in range(2):
        wait_until_live(server, "sales")
        answer = columns(server.json("GET", "/v1/views/sales"))
        total = {name: values for name, values in answer.items()}
        assert sum(total["count"]) == 300 and sum(total["sum(properties.price)"]) == 300 * 299 / 2
        if len(total["count"]) == 1:
            assert total["uniq(user_id)"] == [40]
            assert total["min(properties.price)"] == [0] and total["max(properties.price)"] == [299]
            assert total["quantile(0.5, properties.price)"][0] == pytest.approx(149.5, rel=0.01)
            assert sorted(total["top(2, properties.path)"][0])[0][1] == 100
        server.stop()
        server.start()
    server.request("DELETE", "/v1/views/sales")
    server.json("GET", "/v1/views/sales", expect=404)
    server.stop()
    server.start()
    server.json("GET", "/v1/views/sales", expect=404)
    server.stop()


def test_views_of_the_configuration_file(tmp_path):
    config = tmp_path / "millrace.toml"
    config.write_text('[[views]]\nname = "by_plan"\nwhere = ["!=", "event", "noise"]\nby = ["properties.plan"]\nkeys_max = 2\n')
    with Server(tmp_path / "data", config=config) as server:
        assert wait_until_live(server, "by_plan")["origin"] == "config"
        server.send([{"event": "e", "properties": {"plan": plan}} for plan in ("a", "a", "b", "c", "d", None)])
        server.send({"event": "noise", "properties": {"plan": "a"}})
        with LiveStream(server, "view:by_plan;window=1h") as stream:
            picture = wait_for_count(stream, Picture(), 6)
        assert sorted((key[1], row[0]) for key, row in picture.rows.items()) == [("(other)", 3), ("a", 2), ("b", 1)]
        assert wait_until_live(server, "by_plan")["other"] == 3


def test_a_query_that_is_watched_is_sent_when_its_answer_changes(live):
    topic = "query:" + json.dumps({"measures": ["count"], "range": ["2000-01-01", "2040-01-01"]}) + ";refresh=1s"
    with LiveStream(live, topic) as one, LiveStream(live, topic) as other:
        for stream in (one, other):
            event, _, data = stream.read()
            assert event == "snapshot" and data["topic"] == topic and columns(data)["count"] == [0]
        live.send(events(3))
        for stream in (one, other):
            data = stream.until(lambda event, data: columns(data)["count"] == [3])
            assert data["cut"] is None
    with LiveStream(live, 'query:{"measures":["mode(x)"],"range":"1h"}') as wrong:
        event, _, data = wrong.read()
        assert event == "error" and data["status"] == 400 and "unknown measure" in data["detail"]


def test_the_tail_shows_new_events_that_pass_its_filter(live):
    with LiveStream(live, "tail", 'tail:["=","event","wanted"]') as stream:
        stream.read(), stream.read()  # what there was: nothing
        live.send([*events(200, name="noise"), {"event": "wanted", "user_id": "u", "message_id": "w", "properties": {"a": [1, "ß"]}}])
        told = 0
        wanted = None
        while told < 201 or wanted is None:
            _, _, data = stream.read()
            if data["topic"] == "tail":
                assert len(data["events"]) <= 50
                told += len(data["events"]) + data["left_out"]
            else:
                wanted = data
    assert told == 201 and wanted["left_out"] == 0
    live.wait_until_stored()
    assert wanted["events"] == live.json("GET", "/v1/events?where=event=wanted")["events"]


def test_health_is_sent_every_second(live):
    with LiveStream(live, "health") as stream:
        first = stream.read()[2]
        second = stream.read()[2]
    assert first["health"]["ready"] is True and second["seq"] == first["seq"] + 1


@pytest.mark.parametrize("topic", ["view:nothing", "nonsense", "view:", "tail:[1]", "query:{};refresh=1ms", "view:events_by_second;window=soon"])
def test_an_unknown_topic_is_refused_before_the_stream_begins(live, topic):
    with LiveStream(live, topic) as stream:
        assert stream.status == 400
        assert stream.headers["content-type"] == "application/problem+json"


def test_who_may_watch(live):
    assert live.request("GET", "/v1/live?topic=tail", key="wrong")[0] == 401
    assert live.request("GET", "/v1/live")[0] == 400
    assert live.request("GET", "/v1/live?topic=tail&tick=5")[0] == 400
    assert live.request("HEAD", "/v1/live?topic=tail")[0] == 200


def test_viewers_are_counted_and_gone_when_they_have_left(live):
    streams = [LiveStream(live, SECONDS) for _ in range(50)]
    for stream in streams:
        stream.read()
    assert live.metrics()["millrace_live_viewers"] == 50
    assert live.metrics()["millrace_http_connections"] < 10
    for stream in streams:
        stream.close()
    deadline = time.monotonic() + 10
    while live.metrics()["millrace_live_viewers"] > 0:
        assert time.monotonic() < deadline
