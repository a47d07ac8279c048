"""The stream moved from the log to Kafka and back, under load, with what is broken off in between."""

import json
import os
import queue
import random
import shutil
import signal
import subprocess
import threading
import time

import pytest
from any_form import AnyForm
from millrace_server import BINARY
from order import out_of_order
from test_server import events

SEED = int(os.environ.get("MILLRACE_KAFKA_SEED", random.randrange(1 << 30)))


@pytest.fixture
def world(kafka):
    print(f"seed {SEED}")
    made = AnyForm(SEED, clients=4, stream_partitions="2", kafka_brokers=kafka.address, kafka_topic="moved")
    made.start_server()
    yield made
    made.load.stop()
    made.server.kill()
    shutil.rmtree(made.folder, ignore_errors=True)


def command(server, to, *words):
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in server.settings.items()]
    return [str(BINARY), "migrate", "stream", f"--data={server.folder}", f"--to={to}", "--json", *flags, *words]


class Move:
    """The command, beside a server that runs."""

    def __init__(self, server, to):
        self.process = subprocess.Popen(command(server, to), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines, self.said = [], queue.Queue()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stderr:
            self.lines.append(line)
            self.said.put(line)
        self.said.put(None)

    def wait_until_it_waits(self):
        while True:
            line = self.said.get(timeout=120)
            assert line is not None, "".join(self.lines)
            if "stop the server now" in line:
                return

    def end(self):
        output = self.process.stdout.read()
        self.reader.join()  # all that it said is in lines
        return self.process.wait(120), output


def broken_off(world, to):
    """kill -9 at some moment, and Ctrl-C when nearly everything is there."""
    killed = Move(world.server, to)
    time.sleep(world.random.uniform(0.1, 1.5))  # the random moment
    killed.process.kill()
    killed.end()
    interrupted = Move(world.server, to)
    interrupted.wait_until_it_waits()
    interrupted.process.send_signal(signal.SIGINT)
    code, _ = interrupted.end()
    assert code == 1 and "goes on from here" in interrupted.lines[-1], interrupted.lines


def moved(world, to, stop):
    """Moves while clients send; gives the report and for how long nobody got an acknowledgement."""
    move = Move(world.server, to)
    move.wait_until_it_waits()
    world.load.up.clear()
    begin = time.monotonic()
    stop()
    code, output = move.end()
    assert code == 0, "".join(move.lines)
    world.settings["stream_kind"] = to
    world.start_server()
    now = time.monotonic()
    world.wait_until("events are taken again", lambda: world.load.acknowledged_at > now, 60)
    report = json.loads(output)
    print(f"to {to}: {report['copied']} events copied in the last command, ingest away for {world.load.acknowledged_at - begin:.1f} s, "
          f"the folder without a server for {report['stopped_ms'] / 1000:.1f} s")
    return report


def assert_round(world, number):
    verdict = world.end_round(number)
    assert verdict.exactly_once() and verdict.acknowledged > 0, f"seed {SEED}: {verdict}"
    assert world.server.json("GET", "/v1/verify")["equal"]


def assert_the_same(report):
    assert report["equal"] and report["days"], report
    for day in report["days"]:
        assert day["equal"] and day["from_events"] == day["to_events"] > 0 and day["from_hash"] == day["to_hash"], report


def test_the_stream_moves_to_kafka_and_back_under_load_and_every_event_is_there_once(kafka, world):
    world.begin_round(0)
    broken_off(world, "kafka")
    assert_the_same(moved(world, "kafka", world.server.stop))
    assert_round(world, 0)

    world.begin_round(1)
    broken_off(world, "log")
    assert_the_same(moved(world, "log", world.server.kill))
    assert_round(world, 1)

    world.begin_round(2)
    assert_the_same(moved(world, "kafka", world.server.kill))  # into a topic that has a part of it already
    assert_round(world, 2)
    assert world.whole_ledger_holds()
    assert out_of_order(world) == []


def run(server, to, *words):
    return subprocess.run(command(server, to, *words), capture_output=True, text=True, timeout=120)


def first_kept(server):
    ranges = server.json("GET", "/v1/verify")["partitions"][0]["ranges"]
    return ranges[0]["begin"] if ranges else 0


def test_what_retention_gave_up_stays_given_up_on_the_other_side(kafka, serve):
    small = {"stream_partitions": 1, "stream_segment_bytes": "1MiB", "stream_retain_age": "0s", "process_checkpoint_interval": "100ms",
             "process_snapshot_log_bytes": "1MiB"}
    server = serve(kafka_brokers=kafka.address, kafka_topic="past", **small)
    server.wait_until_open()
    sent = 0
    deadline = time.monotonic() + 120
    while sent == 0 or first_kept(server) == 0:
        server.send(events(5000, f"p{sent}"))
        server.wait_until_stored()
        sent += 5000
        assert time.monotonic() < deadline, server.health()
    server.stop()
    there = run(server, "kafka")
    assert there.returncode == 0, there.stderr
    server.settings["stream_kind"] = "kafka"
    (server.folder / "kafka/0.index").unlink()  # the topic says it all
    server.start()
    server.wait_until_open()
    assert first_kept(server) > 0 and server.health()["partitions"][0]["durable_end"] == sent
    server.send(events(10, "behind"))
    server.wait_until_stored()
    assert server.json("GET", "/v1/verify")["equal"]
    server.stop()

    before = run(server, "log")
    assert before.returncode == 0, before.stderr  # behind what the old log has
    server.settings["stream_kind"] = "log"
    server.start()
    server.wait_until_open()
    server.wait_until_stored()
    audit = server.health()["audit"]
    assert (audit["accepted"], audit["stored"], audit["holds"]) == (sent + 10, sent + 10, True), audit
    server.stop()


def test_a_topic_that_holds_something_else_is_refused_and_left_alone(kafka, serve):
    other = serve(folder="other", stream_kind="kafka", kafka_brokers=kafka.address, kafka_topic="taken")
    other.send(events(50, "other"))
    other.stop()
    server = serve(folder="mine", kafka_brokers=kafka.address, kafka_topic="taken")
    server.send(events(100, "mine"))
    server.stop()
    refused = run(server, "kafka")
    assert refused.returncode == 1 and "holds another stream" in refused.stderr, refused.stderr
    server.start()
    server.wait_until_open()
    server.wait_until_stored()
    assert server.health()["audit"]["stored"] == 100
    server.stop()


def test_what_cannot_be_moved_says_why(kafka, serve):
    server = serve(kafka_brokers=kafka.address, kafka_topic="why")
    server.stop()
    assert "is in log already" in run(server, "log").stderr
    del server.settings["kafka_brokers"]
    assert "kafka.brokers is empty" in run(server, "kafka").stderr
