"""Starting, stopping, looking after."""

import json
import os
import re
import signal
import subprocess

import pytest
from millrace_server import BINARY, KEY, Server, columns

ALL = {"range": ["2000-01-01", "2030-01-01"]}


def command(*arguments, **options):
    return subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True, timeout=120, **options)


def test_the_first_start_prints_keys_once(tmp_path):
    server = Server(tmp_path / "data")
    del server.environment["MILLRACE_BOOTSTRAP_KEY"]
    server.start()
    keys = re.findall(r"mr_[0-9A-Za-z]{40,}", "".join(server.log))
    assert len(set(keys)) >= 2
    assert server.request("GET", "/v1/schema", key=keys[0])[0] in (200, 403)
    assert any(server.json("POST", "/v1/events", {"event": "x"}, key=key)["accepted"] == 1 for key in keys[:1])
    server.stop()
    again = Server(tmp_path / "data")
    del again.environment["MILLRACE_BOOTSTRAP_KEY"]
    again.start()
    assert not re.findall(r"mr_[0-9A-Za-z]{40,}", "".join(again.log))
    again.stop()


def test_a_key_for_the_feed_does_not_take_the_place_of_the_first_keys(tmp_path):
    server = Server(tmp_path / "data", environment={"MILLRACE_FEED_KEY": "feed-key-0123456789"})
    del server.environment["MILLRACE_BOOTSTRAP_KEY"]
    with server:
        keys = re.findall(r"mr_[0-9A-Za-z]{40,}", "".join(server.log))
        listed = server.json("GET", "/v1/keys", key=keys[0])["keys"]
        assert sorted(one["scopes"] for one in listed if one["name"] == "feed") == [["feed"]]
        assert len(listed) == 4


def test_a_first_start_that_fails_costs_nobody_his_keys(tmp_path, fresh):
    environment = {name: value for name, value in os.environ.items() if name != "MILLRACE_BOOTSTRAP_KEY"}
    taken = command("serve", f"--data={tmp_path / 'other'}", f"--listen={fresh.address}", env=environment)
    assert taken.returncode == 1 and "mr_" not in taken.stdout
    server = Server(tmp_path / "other")
    del server.environment["MILLRACE_BOOTSTRAP_KEY"]
    server.start()
    assert len(set(re.findall(r"mr_[0-9A-Za-z]{40,}", "".join(server.log)))) >= 2
    server.stop()


def test_a_bootstrap_key_that_was_revoked_is_passed_over(tmp_path):
    server = Server(tmp_path / "data").start()
    [key] = server.json("GET", "/v1/keys")["keys"]
    server.request("DELETE", f"/v1/keys/{key['id']}")
    server.stop()
    server.start()
    assert server.request("GET", "/v1/schema")[0] == 401
    assert any("was revoked" in line for line in server.log)
    server.stop()


def test_flags_come_before_the_environment_in_every_command(fresh, tmp_path):
    wrong = {**os.environ, "MILLRACE_URL": "http://127.0.0.1:9", "MILLRACE_KEY": "wrong", "MILLRACE_CONFIG": str(tmp_path / "none")}
    flags = [f"--url=http://{fresh.address}", f"--key={KEY}"]
    created = command("keys", "create", "--name=past", "--scopes=read", "--expires=2020-01-01T00:00:00Z", *flags, env=wrong)
    assert created.returncode == 0, created.stderr
    listed = command("keys", "list", *flags, env=wrong)
    assert listed.returncode == 0, listed.stderr
    assert [line.split()[-1] for line in listed.stdout.splitlines() if "past" in line] == ["expired"]
    (tmp_path / "some.toml").write_text('listen = "127.0.0.1:1"\n')
    for what in ("check", "print"):
        assert command("config", what, f"--config={tmp_path / 'some.toml'}", env=wrong).returncode == 0
    assert command("config", "check", f"--config={tmp_path / 'none'}", env={**os.environ, "MILLRACE_CONFIG": str(tmp_path / "some.toml")}).returncode == 1


def test_a_load_right_behind_another_proves_its_own_events_alone(fresh):
    flags = [f"--url=http://{fresh.address}", f"--key={KEY}", "--rate=300", "--batch=1", "--for=1s", "--quiet"]
    assert command("load", *flags, "--no-proof").returncode == 0
    proved = command("load", *flags)
    assert proved.returncode == 0 and "NOT PROVED" not in proved.stdout, proved.stdout + proved.stderr


def test_what_is_no_command_is_named():
    done = command("serv")
    assert done.returncode == 2 and "'serv'" in done.stderr and "--help" in done.stderr


@pytest.mark.parametrize("words", [["demo", "--rate=nan"], ["load", "--zipf=nan"], ["load", "--repeats=-nan"]])
def test_what_is_no_number_is_refused(words):
    done = command(*words)
    assert done.returncode == 2 and "nan" in done.stderr


def test_a_query_as_json_takes_no_flags_of_a_query():
    done = command("query", '{"measures":["count"]}', "--every=day")
    assert done.returncode == 2 and "--every" in done.stderr
    done = command("query", '{"measures":["count"]}', "--format=csv", "--show-query")
    assert done.returncode == 0 and "count" in done.stdout


def test_a_second_start_on_one_folder_is_refused(fresh):
    second = command("serve", f"--data={fresh.folder}", "--listen=127.0.0.1:0")
    assert second.returncode == 1
    assert str(fresh.folder) in second.stderr and "another" in second.stderr
    assert fresh.send({"event": "x"})["accepted"] == 1


def test_sigterm_drains_and_nothing_acknowledged_is_lost(tmp_path):
    server = Server(tmp_path / "data").start()
    for n in range(100):
        server.send([{"event": "x", "message_id": f"{n}-{i}"} for i in range(100)])
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(30) == 0
    server.start()
    server.wait_until_stored()  # what wasn't read yet when the signal came
    assert columns(server.query(measures=["count"], **ALL))["count"] == [10_000]
    server.stop()


def test_owners_of_many_partitions_take_over_at_once_and_none_takes_another_for_a_rival(tmp_path):
    server = Server(tmp_path / "data", stream_partitions=24).start()
    server.send([{"event": "x", "user_id": f"u{n}", "message_id": f"{n}"} for n in range(2000)])
    partitions = server.wait_until_stored()
    assert [p["partition"] for p in partitions if p["stopped"]] == []
    assert sum(p["rows"] for p in partitions) == 2000
    server.stop()


@pytest.mark.parametrize("name", ["SIGINT", "SIGHUP"])  # Ctrl-C, and a terminal that is closed
def test_a_signal_to_the_whole_group_leaves_the_engine_to_the_server(tmp_path, name):
    server = Server(tmp_path / "data").start()
    server.wait_until_open()
    server.send([{"event": "x", "message_id": f"{n}"} for n in range(1000)])
    os.killpg(server.process.pid, getattr(signal, name))
    assert server.process.wait(30) == 0
    assert sum("engine started" in line for line in server.log) == 1
    server.start()
    server.wait_until_stored()
    assert columns(server.query(measures=["count"], **ALL))["count"] == [1000]
    server.stop()


def test_health_and_metrics(fresh):
    assert fresh.request("GET", "/healthz", key=None)[0] == 200
    assert fresh.request("GET", "/readyz", key=None)[0] == 200
    fresh.send([{"event": "x", "message_id": "a"}, {"event": "x", "message_id": "a"}])
    fresh.wait_until_stored()
    health = fresh.health()
    assert health["audit"] == {"accepted": 2, "stored": 1, "repeats": 1, "failed": 0, "lost": 0, "views": 1, "holds": True}
    assert health["engine"]["sandbox"]["seccomp"] is True
    metrics = fresh.metrics()
    assert metrics["millrace_ingest_accepted_events_total"] == 2
    assert metrics["millrace_process_repeats_total"] == 1
    assert metrics["millrace_stream_written_bytes_total"] > 0


def test_each_request_is_counted_once(fresh):
    before = fresh.metrics()["millrace_http_requests_total"]
    assert fresh.request("GET", "/healthz", key=None)[0] == 200
    assert fresh.request("GET", "/v1/nothing")[0] == 404
    assert fresh.request("GET", "/v1/health", key="unknown")[0] == 401
    assert fresh.metrics()["millrace_http_requests_total"] == before + 4  # the first question for metrics among them


def test_verify_compares_log_and_store(tmp_path):
    server = Server(tmp_path / "data").start()
    server.send([{"event": "x", "message_id": f"{n}", "properties": {"n": n}} for n in range(5000)])
    server.wait_until_stored()
    report = command("verify", "--url", f"http://{server.address}", "--key", KEY)
    assert report.returncode == 0, report.stderr
    server.stop()
    offline = command("verify", "--data", tmp_path / "data")
    assert offline.returncode == 0, offline.stderr
    assert "5000" in offline.stdout


def test_dump_shows_segments_and_checkpoints(tmp_path):
    server = Server(tmp_path / "data").start()
    server.send([{"event": "seen-in-the-dump", "user_id": "u"} for _ in range(3)])
    server.wait_until_stored()
    server.stop()
    segments = sorted((tmp_path / "data/log").rglob("*.seg"))
    assert segments
    shown = command("dump", "segment", segments[0])
    assert shown.returncode == 0 and "seen-in-the-dump" in shown.stdout
    checkpoints = sorted((tmp_path / "data").rglob("checkpoint-p*"))
    assert checkpoints
    shown = command("dump", "checkpoint", checkpoints[0])
    assert shown.returncode == 0 and "rows" in shown.stdout


def test_config_commands(tmp_path):
    good = tmp_path / "good.toml"
    good.write_text('[stream]\nsegment_bytes = "8MiB"\n')
    assert command("config", "check", "--config", good).returncode == 0
    shown = command("config", "print", "--config", good, env={**os.environ, "MILLRACE_PROCESS_BATCH_AGE": "100ms"})
    assert "8MiB" in shown.stdout and "good.toml" in shown.stdout and "MILLRACE_PROCESS_BATCH_AGE" in shown.stdout
    bad = tmp_path / "bad.toml"
    bad.write_text('[stream]\nsegment_byte = "8MiB"\n')
    refused = command("config", "check", "--config", bad)
    assert refused.returncode == 1 and "segment_bytes" in refused.stderr and "2" in refused.stderr
    assert "400ms" in command("config", "explain", "process.batch_age").stdout


def test_query_and_tail_on_the_command_line(fresh):
    fresh.send([{"event": "a", "user_id": "u1", "properties": {"n": 2}}, {"event": "b", "user_id": "u2", "properties": {"n": 5}}])
    fresh.wait_until_stored()
    at = ["--url", f"http://{fresh.address}", "--key", KEY]
    table = command("query", "--measure", "count", "--measure", "sum(properties.n)", "--by", "event", "--range", "1d", *at)
    assert table.returncode == 0, table.stderr
    assert re.search(r"a\s+1\s+2", table.stdout) and re.search(r"b\s+1\s+5", table.stdout)
    csv = command("query", "--measure", "count", "--by", "event", "--order", "event", "--range", "1d", "--format", "csv", *at)
    assert csv.stdout.splitlines() == ["event,count", "a,1", "b,1"]
    asked = json.dumps({"measures": ["count"], "range": "1d"})
    answer = command("query", asked, "--format", "json", *at)
    assert columns(json.loads(answer.stdout))["count"] == [2]
    wrong = command("query", "--measure", "cuont", *at)
    assert wrong.returncode == 1 and "count" in wrong.stderr
    tail = command("tail", "--lines", "2", "--no-follow", *at)
    assert len(tail.stdout.splitlines()) == 2 and '"event"' in tail.stdout


def test_send_goes_on_where_it_was_interrupted(fresh, tmp_path):
    file = tmp_path / "events.ndjson"
    file.write_text("".join(json.dumps({"event": "x", "properties": {"n": n}}) + "\n" for n in range(20_000)))
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")}
    at = ["--url", f"http://{fresh.address}", "--key", KEY, "--batch", "10", "--connections", "1"]
    first = subprocess.Popen([BINARY, "send", file, *at], env=environment, stderr=subprocess.PIPE, text=True)
    while fresh.metrics()["millrace_ingest_accepted_events_total"] < 500:
        assert first.poll() is None
    first.send_signal(signal.SIGINT)
    assert first.wait(30) == 1 and "goes on from here" in first.stderr.read()
    second = command("send", file, *at, env=environment)
    assert second.returncode == 0 and "going on at byte" in second.stderr
    fresh.wait_until_stored()
    assert columns(fresh.query(measures=["count"], **ALL))["count"] == [20_000]


def test_a_log_on_a_newer_schema_is_refused(tmp_path):
    server = Server(tmp_path / "data").start()
    server.stop()
    node = tmp_path / "data/node.json"
    node.write_text(node.read_text().replace('"version":1', '"version":99'))
    refused = command("serve", f"--data={tmp_path / 'data'}", "--listen=127.0.0.1:0")
    assert refused.returncode == 1 and "newer" in refused.stderr
