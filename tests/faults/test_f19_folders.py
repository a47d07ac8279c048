"""F19: folders that don't fit together: copied live, a checkpoint older or newer than the store, a store or a log that is gone.
Everything is rebuilt exactly, or refused with a message that says why."""

import shutil
import subprocess
import time

from millrace_server import Server, free_port
from watch import Pace, Sql, stored_ids

SETTINGS = {"stream_segment_bytes": "1MiB", "process_checkpoint_interval": "100ms", "process_snapshot_log_bytes": "1MiB",
            "log_level": "info"}


def fill(server, prefix, batches=20, events=500):
    padding = "x" * 200
    ids = [[f"{prefix}-{batch}-{n}" for n in range(events)] for batch in range(batches)]
    for some in ids:
        server.send([{"event": "tick", "message_id": one, "properties": {"p": padding}} for one in some])
    return {one for some in ids for one in some}


def stop_stored(server):
    server.wait_until_open()
    server.wait_until_stored()
    server.stop()


def settled(server, timeout_s=60):
    """Waits until everything is stored or the partition has stopped; then it gives why, else nothing."""
    server.wait_until_open()
    deadline = time.monotonic() + timeout_s
    while True:
        partition = server.health()["partitions"][0]
        if partition["stopped"]:
            return partition["trouble"]
        compared = any("a partition is processed" in line for line in server.log)  # with the log, and made whole
        if compared and partition["stored_until"] == partition["durable_end"]:
            return None
        assert time.monotonic() < deadline, partition
        time.sleep(0.02)  # polling


def whole(server, wanted):
    assert settled(server) is None, server.health()
    counts = stored_ids(server)
    assert set(counts) == wanted and set(counts.values()) == {1}
    assert server.health()["audit"]["holds"], server.health()


def test_a_store_that_is_gone_is_rebuilt_from_the_log(start, tmp_path):
    server = start(**SETTINGS)
    ids = fill(server, "a")
    stop_stored(server)
    shutil.rmtree(tmp_path / "data/engine")
    again = start(**SETTINGS)
    whole(again, ids)
    again.stop()


def test_a_store_older_than_the_checkpoint_is_rebuilt_from_the_log(start, tmp_path):
    server = start(**SETTINGS)
    ids = fill(server, "a")
    stop_stored(server)
    shutil.copytree(tmp_path / "data/engine", tmp_path / "older", symlinks=True, ignore=shutil.ignore_patterns("*.sock"))
    server = start(**SETTINGS)
    ids |= fill(server, "b")
    stop_stored(server)
    shutil.rmtree(tmp_path / "data/engine")
    shutil.move(tmp_path / "older", tmp_path / "data/engine")
    again = start(**SETTINGS)
    whole(again, ids)
    again.stop()


def test_a_checkpoint_older_than_the_store_writes_nothing_twice(start, tmp_path):
    server = start(**SETTINGS)
    ids = fill(server, "a")
    stop_stored(server)
    shutil.copytree(tmp_path / "data/process", tmp_path / "older")
    server = start(**SETTINGS)
    ids |= fill(server, "b")
    stop_stored(server)
    shutil.rmtree(tmp_path / "data/process")
    shutil.move(tmp_path / "older", tmp_path / "data/process")
    again = start(**SETTINGS)
    refusal = settled(again)
    if refusal is None:
        whole(again, ids)
    else:
        assert "epoch" in refusal, refusal  # the store knows a newer owner: it is refused, with the reason
    again.stop()


def test_checkpoints_that_are_gone_are_made_again(start, tmp_path):
    server = start(**SETTINGS)
    ids = fill(server, "a")
    stop_stored(server)
    shutil.rmtree(tmp_path / "data/process")
    again = start(**SETTINGS)
    whole(again, ids)
    again.stop()


def test_a_log_that_is_gone_takes_nothing_from_the_store(start, tmp_path):
    """All of it was stored: the log goes on behind the checkpoint, or it is refused with the reason."""
    server = start(**SETTINGS)
    ids = fill(server, "a")
    stop_stored(server)
    shutil.rmtree(tmp_path / "data/log")
    again = start(**SETTINGS)
    refusal = settled(again)
    if refusal is not None:
        assert "log" in refusal and "stored" in refusal, refusal
        return
    whole(again, ids)
    ids |= fill(again, "b")
    whole(again, ids)
    again.stop()


def test_a_folder_copied_while_the_server_runs_is_whole_or_refused(start, tmp_path, long, figures):
    whole_ones = refused = 0
    server = start(**SETTINGS)
    with Pace(server, batches_per_second=60) as pace:
        for copy in range(20 if long else 3):
            while len(pace.acknowledged) < 2000 * (copy + 1):
                time.sleep(0.02)  # polling
            before = set(pace.acknowledged)
            target = tmp_path / f"copy-{copy}"
            subprocess.run(["cp", "-a", tmp_path / "data", target], stderr=subprocess.DEVNULL)  # files vanish meanwhile
            outcome = start_copy(target, before, pace)
            whole_ones += outcome
            refused += not outcome
            shutil.rmtree(target)
    figures(whole=whole_ones, refused=refused)


def start_copy(target, before, pace):
    """True when everything from before the copy is there once; False when it was refused with a reason."""
    port = free_port()
    server = Server(target, engine_listen=f"127.0.0.1:{port}", engine_user="faults", engine_password="faults", **SETTINGS)
    server.sql = Sql(f"127.0.0.1:{port}", "faults", "faults", "millrace")
    try:
        server.start()
    except AssertionError as error:
        assert "exit code 1" in str(error) and "millrace:" in str(error), error
        return False
    try:
        refusal = settled(server)
        if refusal is not None:
            assert len(refusal) > 20, refusal
            return False
        counts = stored_ids(server)
        assert set(counts.values()) <= {1}, "twice"
        assert set(counts) <= pace.sent
        health = server.health()
        lost = before - set(counts)
        assert not lost or health["audit"]["lost"] > 0 or not health["audit"]["holds"], f"{len(lost)} are missing in silence"
        return not lost
    finally:
        server.kill()
