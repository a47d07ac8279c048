"""F7 and a step further: the disk doesn't fill up, it fails. A loop device whose file system is shut down under the running server
gives EIO to every write and fsync. Nothing is acknowledged any more, it is said, and questions are answered."""

import time

import pytest
from loop_disk import LoopDisk, why_not
from watch import Pace, stored_ids

pytestmark = pytest.mark.skipif(why_not() is not None, reason=f"a failing disk is NOT tested: {why_not()}")


@pytest.fixture
def disk(tmp_path):
    (tmp_path / "data").mkdir()
    disk = LoopDisk(tmp_path / "log.img", tmp_path / "data/log", 256)
    yield disk
    disk.remove()


def test_when_the_log_can_not_be_synced_nothing_is_acknowledged_and_questions_are_answered(disk, start):
    server = start(stream_free_bytes_min="16MiB", stream_segment_bytes="4MiB")
    try:
        server.wait_until_open()
        with Pace(server, batches_per_second=100) as pace:
            while len(pace.acknowledged) < 2000:
                time.sleep(0.02)  # polling
            server.wait_until_stored()
            disk.cut()
            deadline = time.monotonic() + 10
            while server.request("GET", "/readyz", key=None)[0] != 503:
                assert time.monotonic() < deadline, "still ready"
                time.sleep(0.02)  # polling
            acknowledged = len(pace.acknowledged)
            _, statuses = pace.measure(1.0)
            assert set(statuses) == {503}, statuses
            assert len(pace.acknowledged) == acknowledged
        assert "restart" in server.health()["reason"]
        before = stored_ids(server)
        server.kill()
        disk.unmount()
        disk.mount()
        again = start(stream_free_bytes_min="16MiB", stream_segment_bytes="4MiB")
        again.wait_until_open()
        again.wait_until_stored()
        counts = stored_ids(again)
        assert pace.acknowledged <= set(counts) and set(counts.values()) == {1}
        assert set(before) <= set(counts)
        again.stop()
    finally:
        server.kill()
