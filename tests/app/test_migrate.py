"""Moving what is stored into another store and back, under load, with crashes, and what is refused."""

import json
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from millrace_server import BINARY, KEY, Server, free_port

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "faults"))
from store_alone import StoreAlone  # noqa: E402
from watch import Pace, Sql, stored_ids  # noqa: E402

PORT = {"engine_user": "mover", "engine_password": "only-for-tests"}
DAYS = ("SELECT toDate(received) AS day, count(), uniqExact(`partition`, sequence), sum(cityHash64(event, time, received, sent, user_id, message_id, properties, "
        "context, generation, `partition`, sequence)) FROM {}.events WHERE {} GROUP BY day ORDER BY day")


class Moved:
    """A server with its own engine, and another store to move to."""

    def __init__(self, folder):
        self.other = StoreAlone(folder / "other")
        port = free_port()
        self.server = Server(folder / "data", process_batch_age="100ms", process_checkpoint_interval="100ms",
                             engine_listen=f"127.0.0.1:{port}", **PORT)
        self.server.sql = self.embedded = Sql(f"127.0.0.1:{port}", "mover", "only-for-tests", "millrace")
        self.url = self.other.url()

    def close(self):
        self.server.kill()
        self.other.close()

    def switch(self, url, sql):
        self.server.stop()
        self.server.settings.pop("store_url", None)
        self.server.settings.update({"store_url": url} if url else {})
        self.server.sql = sql
        self.server.start()
        self.server.wait_until_open()

    def command(self, to, without=()):
        settings = [f"--{name.replace('_', '-')}={value}" for name, value in self.server.settings.items() if name not in without]
        return [BINARY, "migrate", "store", f"--data={self.server.folder}", f"--to={to}", "--piece=500", "--json", *settings]

    def migrate(self, to, without=()):
        return subprocess.run(self.command(to, without), capture_output=True, text=True, timeout=300)


@pytest.fixture
def moved(tmp_path):
    both = Moved(tmp_path)
    both.server.start()
    yield both
    both.close()


def send(server, count, prefix="m"):
    for at in range(0, count, 1000):
        server.send([{"event": f"e{n % 5}", "user_id": f"u{n % 50}", "message_id": f"{prefix}{n}", "properties": {"n": n, "text": "ü\n"}}
                     for n in range(at, min(at + 1000, count))])
    server.wait_until_stored()


def until(condition, what, timeout_s=60):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)  # polling a state that nothing announces


def assert_verified(server):
    report = subprocess.run([BINARY, "verify", f"--url=http://{server.address}", f"--key={KEY}"], capture_output=True, text=True, timeout=120)
    assert report.returncode == 0, report.stdout + report.stderr


def assert_the_same(report, one, other):
    """What the command says, and two questions that share nothing with it."""
    assert report["equal"] and report["days"] and all(day["from_hash"] == day["to_hash"] for day in report["days"])
    until_place = report["partitions"][0]["until"]
    below = f"sequence < {until_place}"
    assert one(DAYS.format(one.database, below)) == other(DAYS.format(other.database, below)) != ""


def stored_ids_of(moved):
    lines = moved.server.sql(f"SELECT message_id, count() FROM {moved.server.sql.database}.events GROUP BY message_id FORMAT TSV")
    return {one: int(count) for one, count in (line.split("\t") for line in lines.splitlines())}


def kill_in_the_middle(moved):
    """kill -9 after some pieces; then half of a piece is gone, as if a crash had cut its insert in two."""
    proxy = moved.other.proxy
    proxy.delay_s = 0.1
    done = proxy.inserts
    tool = subprocess.Popen(moved.command(moved.url), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until(lambda: proxy.inserts >= done + 5 or tool.poll() is not None, "nothing is copied")
    assert tool.poll() is None, tool.communicate()
    tool.kill()
    tool.communicate()
    proxy.delay_s = 0.0
    until(lambda: proxy.under_way == 0, "an insert of the dead command stays under way")
    target = moved.other.sql()
    target("ALTER TABLE faults.events DELETE WHERE sequence >= 1000 AND sequence < 1500 AND sequence % 2 = 0 SETTINGS mutations_sync = 1")
    rows = int(target("SELECT count() FROM faults.events"))
    assert 0 < rows < int(moved.embedded("SELECT count() FROM millrace.events"))


def assert_too_early(moved):
    """A server that is switched to half a copy takes events and touches nothing."""
    rows = moved.other.sql()("SELECT count() FROM faults.events")
    moved.server.stop()
    moved.server.settings["store_url"] = moved.url
    moved.server.start()
    until(lambda: "begun and has not ended" in (moved.server.health()["store"]["reason"] or ""), "the store is not refused")
    assert moved.server.send({"event": "early", "message_id": "early"})["accepted"] == 1
    moved.server.stop()
    del moved.server.settings["store_url"]
    moved.server.start()
    moved.server.wait_until_open()
    assert moved.other.sql()("SELECT count() FROM faults.events") == rows


def test_a_store_is_moved_under_load_and_back_and_every_event_is_there_once(moved):
    server, target = moved.server, moved.other.sql()
    send(server, 6000)
    with Pace(server, batches_per_second=10, events=10) as pace:
        kill_in_the_middle(moved)
        assert_too_early(moved)
        there = moved.migrate(moved.url)
        assert there.returncode == 0, there.stderr
        assert 0 < json.loads(there.stdout)["copied"] < json.loads(there.stdout)["rows"]  # it went on, and didn't begin anew
        assert_the_same(json.loads(there.stdout), moved.embedded, target)

        moved.switch(moved.url, target)  # with more in the log than was copied
        send(server, 2000, "n")
        assert_verified(server)

        back = moved.migrate("embedded")
        assert back.returncode == 0, back.stderr
        assert json.loads(back.stdout)["copied"] < 6000  # what the old store has already is left as it is
        moved.switch("", moved.embedded)
        send(server, 1000, "o")
        assert_the_same(json.loads(back.stdout), moved.embedded, target)
    server.wait_until_stored()
    assert_verified(server)
    audit = server.health()["audit"]
    assert audit["holds"] and audit["accepted"] == audit["stored"] == audit["views"] and audit["lost"] == 0, audit
    counts = stored_ids(server)
    assert pace.acknowledged <= set(counts) <= pace.sent and set(counts.values()) == {1}
    assert moved.embedded("SELECT count(), uniqExact(message_id) FROM millrace.events WHERE event != 'tick'") == "9001\t9001\n"


def test_ctrl_c_ends_a_copy_and_the_same_command_goes_on(moved):
    send(moved.server, 6000)
    proxy = moved.other.proxy
    proxy.delay_s = 0.1
    done = proxy.inserts
    tool = subprocess.Popen(moved.command(moved.url), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until(lambda: proxy.inserts >= done + 5 or tool.poll() is not None, "nothing is copied")
    tool.send_signal(signal.SIGINT)
    _, said = tool.communicate(timeout=60)
    proxy.delay_s = 0.0
    assert tool.returncode == 1 and "interrupted; the same command goes on from here" in said, said
    there = moved.migrate(moved.url)
    assert there.returncode == 0, there.stderr
    assert 0 < json.loads(there.stdout)["copied"] < json.loads(there.stdout)["rows"]


def test_what_cannot_be_moved_is_refused_and_says_why(moved, tmp_path):
    server = moved.server
    send(server, 3000)
    to_nothing = moved.migrate("http://127.0.0.1:1/x")
    assert to_nothing.returncode == 1 and "connect" in to_nothing.stderr
    assert "in embedded already" in moved.migrate("embedded").stderr
    wrong = moved.migrate(moved.url.replace(moved.other.password, "wrong"))
    assert wrong.returncode == 1 and "uthentication failed" in wrong.stderr
    assert "engine.listen" in moved.migrate(moved.url, without=["engine_listen"]).stderr

    stranger = Server(tmp_path / "stranger", store_url=moved.url).start()
    stranger.wait_until_open()
    stranger.send({"event": "x"})
    stranger.wait_until_stored()
    stranger.stop()
    rows = moved.other.sql()("SELECT count() FROM faults.events")
    foreign = moved.migrate(moved.url)
    assert foreign.returncode == 1 and "history of its own" in foreign.stderr
    assert moved.other.sql()("SELECT count() FROM faults.events") == rows

    server.stop()  # the command starts the engine itself
    moved.other.sql()("CREATE DATABASE another ENGINE = Atomic")
    elsewhere = moved.url.replace("/faults", "/another")
    offline = moved.migrate(elsewhere, without=["engine_listen"])
    assert offline.returncode == 0, offline.stderr
    report = json.loads(offline.stdout)
    assert report["equal"] and report["rows"] == report["copied"] == 3000
    again = json.loads(moved.migrate(elsewhere).stdout)
    assert again["equal"] and again["copied"] == 0


def test_a_store_that_is_gone_back_to_without_a_move_gets_from_the_log_what_it_lacks(moved):
    server = moved.server
    send(server, 2000)
    assert moved.migrate(moved.url).returncode == 0
    moved.switch(moved.url, moved.other.sql())
    send(server, 500, "p")
    moved.switch("", moved.embedded)
    send(server, 500, "q")
    assert_verified(server)
    assert server.health()["audit"]["stored"] == 3000
    there = moved.migrate(moved.url)  # it is known again, though both have had owners that the other knows nothing of
    assert there.returncode == 0, there.stderr
    assert json.loads(there.stdout)["copied"] <= 1500
    moved.switch(moved.url, moved.other.sql())
    send(server, 500, "r")
    assert_verified(server)
    assert set(stored_ids_of(moved).values()) == {1}
