"""F1: a start with a long tail of log behind the last checkpoint: events are taken at once, the tail is stored meanwhile."""

import os
import signal
import time

from millrace_server import Server
from watch import MB


def big_body(number):
    """About 8 MB in 8,000 events."""
    padding = "abcdefghij" * 90
    return "\n".join(f'{{"event":"tick","message_id":"t{number}-{n}","user_id":"u{n}","properties":{{"p":"{padding}","n":{n}}}}}'
                     for n in range(8000))


def test_the_server_is_ready_in_five_seconds_with_a_gigabyte_of_tail(start, tmp_path, long, figures):
    wanted = (1024 if long else 128) * MB
    settings = {"process_snapshot_log_bytes": "8GiB", "process_checkpoint_interval": "10m"}
    server = start(**settings)
    engine = server.wait_until_open()["pid"]
    server.send({"event": "first"})
    server.wait_until_stored()
    os.kill(engine, signal.SIGSTOP)  # nothing of what follows is stored
    accepted, batches, written = 1, 0, 0
    while written < wanted:
        body = big_body(batches)
        accepted += server.send(body, headers={"Content-Type": "application/x-ndjson"})["accepted"]
        batches += 1
        written += len(body)
    server.kill()
    begin = time.monotonic()
    server = Server(tmp_path / "data", **settings).start()
    server.send({"event": "after"})
    first_ack = time.monotonic() - begin
    assert server.health()["partitions"][0]["stored_until"] < accepted, "nothing was left to do"
    server.wait_until_open()
    question = time.monotonic() - begin
    server.wait_until_stored(600)
    stored = time.monotonic() - begin
    rows = server.health()["audit"]
    server.kill()
    assert first_ack < 5
    assert rows["accepted"] == rows["stored"] == accepted + 1 and rows["holds"]
    figures(tail_mb=written // MB, first_acknowledged_s=round(first_ack, 2), store_open_s=round(question, 2), all_stored_s=round(stored, 2),
            events=accepted)
