"""F15: the wall clock jumps a day forward or back, or stands still. Nothing is lost, retention deletes no more than its policy, and
timeouts go on. Needs libfaketime (Debian package faketime)."""

import pathlib
import socket
import time

import pytest
from watch import stored_ids

LIBRARY = pathlib.Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
pytestmark = pytest.mark.skipif(not LIBRARY.exists(), reason="libfaketime is not installed: clocks that jump are NOT tested")


class Clock:
    def __init__(self, path):
        self.path = path
        self.set("+0")

    def set(self, how):
        new = self.path.with_suffix(".new")
        new.write_text(how + "\n")
        new.rename(self.path)

    def environment(self):
        return {"LD_PRELOAD": str(LIBRARY), "FAKETIME_TIMESTAMP_FILE": str(self.path), "FAKETIME_NO_CACHE": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"}


CLOCKS = {"forward": "+86400", "back": "-86400", "frozen": time.strftime("%Y-%m-%d %H:%M:%S")}


def segments(folder):
    return sorted(path.name for path in (folder / "log").rglob("*.seg"))


@pytest.mark.parametrize("how", CLOCKS)
def test_a_clock_that_is_wrong_loses_nothing(start, tmp_path, how):
    clock = Clock(tmp_path / "clock")
    server = start(environment=clock.environment(), stream_segment_bytes="1MiB", stream_retain_age="1h",
                   process_checkpoint_interval="200ms", process_snapshot_log_bytes="1MiB")
    server.wait_until_open()
    padding = "x" * 500
    sent = []

    def send(part):
        for batch in range(10):
            ids = [f"{part}-{batch}-{n}" for n in range(500)]
            answer = server.send([{"event": "tick", "message_id": one, "properties": {"p": padding}} for one in ids])
            assert answer["accepted"] == 500
            sent.extend(ids)

    send("before")
    server.wait_until_stored()
    kept = segments(tmp_path / "data")
    clock.set(CLOCKS[how])
    send("during")
    server.wait_until_stored()  # batches have an age, by the clock that doesn't jump
    assert set(kept) <= set(segments(tmp_path / "data")), "retention took what its policy keeps"
    if how != "forward":  # a day on, an id of a day ago may be forgotten: that is its window
        assert server.send({"event": "tick", "message_id": "before-0-0"})["accepted"] == 1
    clock.set("+0")
    send("after")
    server.wait_until_stored()
    assert set(kept) <= set(segments(tmp_path / "data")), "retention took what its policy keeps"
    counts = stored_ids(server)
    assert set(counts) == set(sent) and set(counts.values()) == {1}
    server.process.kill()
    server.process.wait()
    clock.set(CLOCKS[how])  # and a start with it
    server.start()
    server.wait_until_open()
    server.wait_until_stored()
    counts = stored_ids(server)
    assert set(counts) == set(sent) and set(counts.values()) == {1}
    server.stop()


def test_timeouts_go_on_when_the_clock_stands_still(start, tmp_path):
    clock = Clock(tmp_path / "clock")
    server = start(environment=clock.environment())
    clock.set(CLOCKS["frozen"])
    host, port = server.address.split(":")
    with socket.create_connection((host, int(port)), timeout=30) as slow:
        slow.sendall(b"POST /v1/events HTTP/1.1\r\n")  # a head that never ends
        begin = time.monotonic()
        assert b"408" in slow.recv(1000)
        assert 5 < time.monotonic() - begin < 15
