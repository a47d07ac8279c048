"""What the page needs of the server: sessions, dashboards, links, its own files."""

import json

from millrace_server import Server

PANELS = [{"title": "Live", "kind": "tail", "topic": "tail", "width": 4, "compare": False}]


def log_in(server, key):
    status, headers, _ = server.request("POST", "/v1/session", json.dumps({"key": key}), key=None)
    assert status == 204
    return {"Cookie": headers["set-cookie"].split(";")[0], "X-Millrace": "1"}


def read_key(server, scopes=("read",)):
    return server.json("POST", "/v1/keys", {"name": "k", "scopes": list(scopes)}, expect=201)


def test_a_session_outlives_a_restart_and_ends_with_its_key(tmp_path):
    server = Server(tmp_path / "data").start()
    made = read_key(server)
    mine = log_in(server, made["secret"])
    assert server.json("GET", "/v1/session", key=None, headers=mine) == {"scopes": ["read"], "project": "default"}
    server.kill()
    server.start()
    assert server.request("GET", "/v1/session", key=None, headers=mine)[0] == 200
    server.request("DELETE", f"/v1/keys/{made['key']['id']}")
    assert server.request("GET", "/v1/session", key=None, headers=mine)[0] == 401
    server.stop()


def test_a_session_reads_and_does_nothing_else(server):
    mine = log_in(server, read_key(server, ["write", "read", "admin"])["secret"])
    assert server.request("GET", "/v1/health", key=None, headers=mine)[0] == 200
    assert server.request("GET", "/v1/keys", key=None, headers=mine)[0] == 403
    assert server.request("POST", "/v1/events", '{"event":"x"}', key=None, headers=mine)[0] == 403
    without = {"Cookie": mine["Cookie"]}
    query = json.dumps({"measures": ["count"], "range": "1h"})
    assert server.request("POST", "/v1/query", query, key=None, headers=without)[0] == 403
    assert server.request("POST", "/v1/query", query, key=None, headers=mine)[0] == 200
    assert server.request("DELETE", "/v1/session", key=None, headers=without)[0] == 403
    assert server.request("DELETE", "/v1/session", key=None, headers=mine)[0] == 204
    assert server.request("GET", "/v1/health", key=None, headers=mine)[0] == 401


def test_a_session_expires(tmp_path):
    with Server(tmp_path / "data", http_session_age="1m") as server:
        _, headers, _ = server.request("POST", "/v1/session", json.dumps({"key": read_key(server)["secret"]}), key=None)
        assert "Max-Age=60" in headers["set-cookie"]


def test_dashboards_and_their_links_outlive_a_restart(tmp_path):
    server = Server(tmp_path / "data").start()
    body = {"name": "Sales <b>", "panels": PANELS}
    assert server.json("PUT", "/v1/dashboards/d1", body, expect=201)["name"] == "Sales <b>"
    assert server.json("PUT", "/v1/dashboards/d1", body)["panels"] == PANELS
    link = server.json("POST", "/v1/dashboards/d1/share")["link"]
    server.kill()
    server.start()
    assert server.json("GET", "/v1/dashboards")["dashboards"] == [server.json("GET", "/v1/dashboards/d1")]
    assert server.json("GET", "/v1/dashboards/d1")["link"] == link
    shared = f"/v1/shared/{link.rpartition('/')[2]}"
    assert server.json("GET", shared, key=None)["panels"] == PANELS
    server.send({"event": "shown"})
    server.wait_until_stored()
    assert [one["event"] for one in server.json("GET", f"{shared}/0", key=None)["events"]] == ["shown"]
    assert server.request("GET", f"{shared}/1", key=None)[0] == 404
    assert server.request("DELETE", "/v1/dashboards/d1/share")[0] == 204
    assert server.request("GET", shared, key=None)[0] == 404
    assert server.request("GET", f"{shared}/0", key=None)[0] == 404
    assert server.request("DELETE", "/v1/dashboards/d1")[0] == 204
    assert server.request("GET", "/v1/dashboards/d1")[0] == 404
    server.stop()


def test_what_is_no_dashboard_is_refused(server):
    for bad in ("", "[]", "{}", '{"name":"x","panels":[{"kind":"pie","topic":"tail"}]}', '{"name":"x","panels":[{"kind":"line","topic":"health"}]}'):
        assert server.request("PUT", "/v1/dashboards/d2", bad)[0] == 400, bad
    assert server.request("PUT", "/v1/dashboards/a%20b", json.dumps({"name": "x"}))[0] == 400
    assert server.request("PUT", "/v1/dashboards/d2", json.dumps({"name": "x", "panels": PANELS * 41}))[0] == 400
    assert server.request("PUT", "/v1/dashboards/d2", "x" * 200_000)[0] == 413


def test_health_tells_what_each_layer_wrote(server):
    server.send([{"event": "x", "properties": {"a": "b" * 100}} for _ in range(100)])
    server.wait_until_stored()
    health = server.health()
    assert health["written"]["log_bytes"] > 0 and health["written"]["accepted_bytes"] > 100 * 100
    assert 0 < health["disk"]["free_bytes"] <= health["disk"]["total_bytes"]
    assert health["http"]["connections"] >= 1
