"""Two projects on one server: whoever holds a key of one learns neither names nor numbers of the other's.

Keys of a second project can't be made over HTTP; here one is written into the file of keys (docs/formats/control.md).
Open by design: how the server is, which is of all projects together (sums in /v1/health and /metrics), and that a view's name is taken.
"""

import hashlib
import http.client
import json
import struct
import urllib.parse

import pytest

from crc32c import crc32c
from live_client import LiveStream, wait_until_live
from millrace_server import KEY, Server, columns

OTHER = "admin-key-of-another-project-0123456789"
READ = "read-key-of-the-servers-own-project-01"
FEED = "feed-key-of-the-servers-own-project-01"
MARK = "zebra"  # in every name of the other project
VIEW = {"name": f"{MARK}_view", "by": ["event"], "grain": "minute", "measures": ["count"]}


def add_key(folder, key_id, project, scopes, secret):
    change = json.dumps({"id": key_id, "name": f"of {project}", "project": project, "scopes": scopes,
                         "sha256": hashlib.sha256(secret.encode()).hexdigest(), "created": 1_700_000_000_000_000_000}).encode()
    length = struct.pack("<I", len(change))
    with open(folder / "control/keys.log", "ab") as log:
        log.write(length + struct.pack("<I", crc32c(length + change)) + change)


def events(count, name):
    """Ids and visitors are the same in both projects."""
    return [{"event": name, "user_id": f"u{n % 3}", "message_id": f"m{n}", "properties": {f"{name}_property": name}} for n in range(count)]


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """5 events of the server's own project, 7 of the other, and of each one that fails; the other has a view and a dashboard."""
    folder = tmp_path_factory.mktemp("projects")
    server = Server(folder, environment={"MILLRACE_FEED_KEY": FEED}).start()
    server.stop()
    add_key(folder, "oooooooo", "other", "write,read,sql,admin", OTHER)
    add_key(folder, "rrrrrrrr", "default", "read", READ)
    with server:
        server.wait_until_open()
        server.json("POST", "/v1/views", VIEW, key=OTHER, expect=201)
        for view in ("events_by_minute", "events_by_second"):
            wait_until_live(server, view)
        wait_until_live(server, VIEW["name"], key=OTHER)
        server.send(events(5, "own"), headers={"Idempotency-Key": "same"})
        server.send(events(7, MARK), headers={"Idempotency-Key": "same"}, key=OTHER)
        server.request("POST", "/v1/events", json.dumps([{"event": 1, "user_id": MARK}]), key=OTHER)
        server.wait_until_stored()
        server.json("PUT", "/v1/dashboards/d1", {"name": MARK, "panels": [{"title": MARK, "kind": "line", "topic": f"view:{MARK}_view"}]},
                    key=OTHER, expect=201)
        yield server


def counts(view):
    """By event, of all minutes."""
    found = columns(view)
    return {name: sum(count for event, count in zip(found["event"], found["count"], strict=True) if event == name) for name in found["event"]}


def status_of(server, path, key):
    """Of an answer that may have no end."""
    connection = http.client.HTTPConnection(server.address, timeout=30)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {key}"})
        return connection.getresponse().status
    finally:
        connection.close()


def test_nothing_that_a_key_may_read_has_a_name_of_another_project(both):
    for path in ("/v1/events", "/v1/events?limit=1000&range=24h", "/v1/schema", "/v1/views", "/v1/views/events_by_minute", "/v1/failed", "/v1/keys",
                 "/v1/dashboards", "/v1/health", "/metrics", "/v1/query?measures=count&by=event&range=24h", "/v1/verify", "/v1/session"):
        for key in (KEY, READ):
            status, _, body = both.request("GET", path, key=key)
            assert status == 200 or (key == READ and status == 403), (path, status, body)
            assert MARK.encode() not in body, (path, body)
    for path in (f"/v1/views/{MARK}_view", "/v1/dashboards/d1"):
        status, _, body = both.request("GET", path, key=READ)
        assert status == 404 and MARK.encode() not in body, (path, body)
    for word in ("own", "events_by_minute", "bootstrap"):
        for path in ("/v1/events?limit=1000&range=24h", "/v1/schema", "/v1/views", "/v1/failed", "/v1/keys", "/v1/query?measures=count&by=event&range=24h"):
            assert word.encode() not in both.request("GET", path, key=OTHER)[2], (path, word)


def test_questions_views_and_events_count_one_project(both):
    for key, name, count in ((READ, "own", 5), (OTHER, MARK, 7)):
        asked = both.json("POST", "/v1/query", {"measures": ["count", "uniq(visitor)"], "by": ["event"], "range": "24h"}, key=key)
        assert (columns(asked)["event"], columns(asked)["count"], columns(asked)["uniq(visitor)"]) == ([name], [count], [3])
        listed = both.json("GET", "/v1/events?limit=1000&range=24h", key=key)["events"]
        assert [one["event"] for one in listed] == [name] * count
        assert [one["event"] for one in both.json("GET", "/v1/schema", key=key)["events"]] == [name]
    assert set(counts(both.json("GET", "/v1/views/events_by_minute", key=READ))) == {"own"}
    assert counts(both.json("GET", f"/v1/views/{MARK}_view", key=OTHER)) == {MARK: 7}
    assert len(both.json("GET", "/v1/failed", key=OTHER)["failed"]) == 1
    assert both.json("GET", "/v1/failed", key=READ)["failed"] == []


def test_live_topics_tell_of_one_project(both):
    def refused(topic, key):
        with LiveStream(both, topic, key=key) as stream:
            return stream.status, json.loads(stream.file.read(int(stream.headers["content-length"])))["detail"]

    assert refused(f"view:{MARK}_view", READ) == (400, f"there is no view {MARK}_view; GET /v1/views lists them")
    assert refused("view:nowhere", READ) == (400, "there is no view nowhere; GET /v1/views lists them")
    assert refused("view:events_by_minute", OTHER)[0] == 400
    question = "query:" + json.dumps({"measures": ["count"], "by": ["event"], "range": "24h"})
    for key, name, count in ((READ, "own", 5), (OTHER, MARK, 7)):
        with LiveStream(both, question, key=key) as stream:
            data = stream.until(lambda event, _: event == "snapshot")
            assert (columns(data)["event"], columns(data)["count"]) == ([name], [count])
    with LiveStream(both, "tail", key=READ) as mine, LiveStream(both, "tail", key=OTHER) as theirs:
        both.send({"event": f"{MARK}_tail", "user_id": "u"}, key=OTHER)
        theirs.until(lambda event, data: MARK in json.dumps(data))
        both.send({"event": "own_tail", "user_id": "u"})
        seen = []
        mine.until(lambda event, data: seen.append(json.dumps(data)) or "own_tail" in seen[-1])
        assert not any(MARK in text for text in seen), seen


def test_a_link_shows_its_own_projects_dashboard_and_no_other_topic(both):
    token = both.json("POST", "/v1/dashboards/d1/share", key=OTHER)["link"].removeprefix("/d/")
    assert both.json("GET", f"/v1/shared/{token}", key=None)["name"] == MARK
    for topic, status in ((f"view:{MARK}_view", 200), ("view:events_by_minute", 403), ("tail", 403), ("health", 403)):
        assert status_of(both, "/v1/live?" + urllib.parse.urlencode({"share": token, "topic": topic}), READ) == status, topic
    both.request("DELETE", "/v1/dashboards/d1/share", key=OTHER)


def test_the_feed_of_all_projects_takes_a_key_of_its_own_and_says_how_to_make_one(both):
    assert [status_of(both, "/v1/view-feed", key) for key in (READ, OTHER)] == [403, 403]
    refused = both.json("GET", "/v1/view-feed", key=READ, expect=403)
    assert "'millrace keys create --name NAME --scopes feed'" in refused["detail"], refused
    assert "a key of the project default" in both.json("GET", "/v1/view-feed", key=OTHER, expect=403)["detail"]
    assert "a key of the project default" in both.json("GET", "/v1/verify", key=OTHER, expect=403)["detail"]
    made = both.json("POST", "/v1/keys", {"name": "one that answers", "scopes": ["feed"]}, expect=201)
    assert made["key"]["scopes"] == ["feed"]
    theirs = both.json("POST", "/v1/keys", {"name": MARK, "scopes": ["feed"]}, key=OTHER, expect=201)
    assert status_of(both, "/v1/view-feed", theirs["secret"]) == 403
    for key in (FEED, made["secret"], KEY):
        assert status_of(both, "/v1/view-feed", key) == 200
    for path in ("/v1/views", "/v1/health", "/v1/keys", "/v1/verify"):
        assert both.request("GET", path, key=FEED)[0] == 403, path


def test_an_admin_tends_the_keys_and_views_of_one_project(both):
    assert {one["project"] for one in both.json("GET", "/v1/keys", key=OTHER)["keys"]} == {"other"}
    both.json("DELETE", "/v1/keys/rrrrrrrr", key=OTHER, expect=404)
    assert both.json("POST", "/v1/keys", {"name": MARK, "scopes": ["read"]}, key=OTHER, expect=201)["key"]["project"] == "other"
    both.json("DELETE", f"/v1/views/{MARK}_view", expect=404)
    both.json("POST", "/v1/views", VIEW, expect=409)  # the same declaration: not taken for one's own


def test_a_view_is_of_the_project_that_declared_it_after_a_restart_too(both):
    both.stop()
    both.start()
    both.wait_until_open()
    assert {view["name"] for view in both.json("GET", "/v1/views", key=READ)["views"]} == {"events_by_minute", "events_by_second"}
    assert [view["name"] for view in both.json("GET", "/v1/views", key=OTHER)["views"]] == [f"{MARK}_view"]
    wait_until_live(both, VIEW["name"], key=OTHER)
    assert counts(both.json("GET", f"/v1/views/{MARK}_view", key=OTHER))[MARK] == 7
    assert both.request("DELETE", f"/v1/views/{MARK}_view", key=OTHER)[0] == 204
    both.stop()
    both.start()
    assert both.json("GET", "/v1/views", key=OTHER)["views"] == []
