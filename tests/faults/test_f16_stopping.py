"""F16: SIGTERM under load; a second start on one folder."""

import os
import signal
import subprocess
import time

from millrace_server import BINARY
from watch import Pace, stored_ids

DRAINED_S_MAX = 30


def stop_under_load(server, pace):
    while len(pace.acknowledged) < 2000:
        time.sleep(0.02)  # polling
    begin = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(60) == 0, "".join(server.log[-20:])
    return time.monotonic() - begin


def test_sigterm_under_load_drains_in_time_and_keeps_what_was_acknowledged(start, figures):
    server = start()
    server.wait_until_open()
    with Pace(server, batches_per_second=200, connections=8) as pace:
        seconds = stop_under_load(server, pace)
    assert seconds < DRAINED_S_MAX
    assert not any("the rest is in the log" in line for line in server.log), "not drained"
    again = start()
    again.wait_until_open()
    again.wait_until_stored()
    counts = stored_ids(again)
    assert pace.acknowledged <= set(counts) and set(counts.values()) == {1}
    figures(drained_s=round(seconds, 2), acknowledged=len(pace.acknowledged))


def test_sigterm_with_an_engine_that_does_not_answer_ends_in_time(start, figures):
    server = start()
    engine = server.wait_until_open()["pid"]
    with Pace(server, batches_per_second=100) as pace:
        os.kill(engine, signal.SIGSTOP)
        seconds = stop_under_load(server, pace)
    assert seconds < DRAINED_S_MAX
    again = start()
    again.wait_until_open()
    again.wait_until_stored()
    counts = stored_ids(again)
    assert pace.acknowledged <= set(counts) and set(counts.values()) == {1}
    figures(ended_s=round(seconds, 2))


def test_sigterm_with_clients_that_hold_on_ends_in_time(start, figures):
    """Half a body, half a head, and connections that say nothing don't hold the end up."""
    import socket
    server = start()
    host, port = server.address.split(":")
    held = [socket.create_connection((host, int(port))) for _ in range(30)]
    for one in held[:10]:
        one.sendall(b"POST /v1/events HTTP/1.1\r\nHost: x\r\n")
    for one in held[10:20]:
        one.sendall(b"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer bootstrap-key-of-a-test-0123456789\r\n"
                    b"Content-Length: 1000\r\n\r\n{")
    with Pace(server, batches_per_second=100) as pace:
        seconds = stop_under_load(server, pace)
    assert seconds < DRAINED_S_MAX
    figures(ended_s=round(seconds, 2))


def test_a_second_start_on_the_folder_is_refused_at_once_and_says_why(start):
    server = start()
    for _ in range(3):
        begin = time.monotonic()
        second = subprocess.run([BINARY, "serve", f"--data={server.folder}", "--listen=127.0.0.1:0"], capture_output=True, text=True,
                                timeout=30)
        assert second.returncode == 1 and time.monotonic() - begin < 5
        assert str(server.folder) in second.stderr and "another" in second.stderr, second.stderr
    assert server.send({"event": "x"})["accepted"] == 1
