"""F17: bad networks and bad clients: resets inside a body, half-open connections, slow readers, slow heads and bodies, thousands that
say nothing. Others are served, memory is bounded, half a body is never acknowledged."""

import contextlib
import resource
import socket
import struct
import threading
import time

from millrace_server import KEY
from watch import MB, Pace, quantile, resident_bytes, stored_ids

HEAD = f"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nContent-Type: application/x-ndjson\r\n"


class Attackers:
    """Threads that misbehave until they are told to stop."""

    def __init__(self, server):
        host, port = server.address.split(":")
        self.address = host, int(port)
        self.over = threading.Event()
        self.threads = []
        self.done = 0

    def connect(self):
        return socket.create_connection(self.address, timeout=20)

    def again_and_again(self, what, times=1):
        def loop():
            while not self.over.is_set():
                with contextlib.suppress(OSError):
                    what()
                self.done += 1

        for _ in range(times):
            thread = threading.Thread(target=loop, daemon=True)
            thread.start()
            self.threads.append(thread)

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join(30)

    # ---- what they do ----

    def reset_inside_a_body(self):
        body = "".join(f'{{"event":"half","message_id":"half-{time.monotonic_ns()}-{n}"}}\n' for n in range(100)).encode()
        one = self.connect()
        one.sendall(HEAD.encode() + f"Content-Length: {len(body) + 10}\r\n\r\n".encode() + body)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.close()  # a reset
        self.over.wait(0.02)

    def leave_a_chunked_body_open(self):
        piece = b'{"event":"half","message_id":"chunk-%d"}\n' % time.monotonic_ns()
        one = self.connect()
        one.sendall(HEAD.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + b"%x\r\n" % len(piece) + piece + b"\r\n")
        one.close()  # the last chunk never comes
        self.over.wait(0.02)

    def send_a_head_slowly(self):
        with self.connect() as one:
            for byte in HEAD:
                if self.over.wait(0.1):
                    return
                one.sendall(byte.encode())

    def send_a_body_slowly(self):
        with self.connect() as one:
            one.sendall(HEAD.encode() + b"Content-Length: 100000\r\n\r\n")
            while not self.over.wait(0.1):
                one.sendall(b" ")

    def read_slowly(self):
        """Asks for a lot, and takes nothing."""
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.connect(self.address)
        ask = f"GET /v1/events?limit=1000 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n\r\n".encode()
        one.sendall(ask * 20)
        self.over.wait(3)
        one.close()


def idle_connections(server, wanted):
    host, port = server.address.split(":")
    idle = []
    for _ in range(wanted):
        one = socket.socket()
        one.connect((host, int(port)))
        idle.append(one)
    return idle


def test_bad_clients_do_not_hurt_good_ones(start, long, figures):
    server = start(http_connections=12_000, http_connections_per_address=12_000)
    server.wait_until_open()
    server.send("\n".join(f'{{"event":"filler","properties":{{"p":"{"z" * 500}"}}}}' for _ in range(2000)),
                headers={"Content-Type": "application/x-ndjson"})
    server.wait_until_stored()
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    crowd = min(10_000, soft - 500) if long else 1_000
    with Pace(server, batches_per_second=50, events=10) as pace:
        pace.measure(1.0)
        before, statuses = pace.measure(20 if long else 3)
        assert set(statuses) == {200}
        memory = resident_bytes(server.process.pid)
        attackers = Attackers(server)
        idle = idle_connections(server, crowd)
        memory_idle = resident_bytes(server.process.pid)
        attackers.again_and_again(attackers.reset_inside_a_body, 2)
        attackers.again_and_again(attackers.leave_a_chunked_body_open, 2)
        attackers.again_and_again(attackers.send_a_head_slowly, 20)
        attackers.again_and_again(attackers.send_a_body_slowly, 20)
        attackers.again_and_again(attackers.read_slowly, 10)
        during, statuses = pace.measure(60 if long else 6)
        growth = resident_bytes(server.process.pid) - memory
        attackers.stop()
        for one in idle:
            one.close()
    assert set(statuses) == {200}, statuses
    assert growth < 150 * MB, f"memory grew by {growth // MB} MB"
    server.wait_until_stored()
    counts = stored_ids(server)
    assert set(counts) == pace.acknowledged and set(counts.values()) == {1}
    assert not stored_ids(server, "half"), "half a body was taken"
    p99_before, p99_during = quantile(before, 0.99), quantile(during, 0.99)
    figures(idle=crowd, kb_an_idle_one=round((memory_idle - memory) / crowd / 1024, 1), attacks=attackers.done,
            p99_before_ms=round(p99_before, 1), p99_during_ms=round(p99_during, 1), memory_grew_mb=growth // MB)
    assert p99_during < max(2 * p99_before, p99_before + 150), f"p99 rose from {p99_before:.1f} to {p99_during:.1f} ms"


def test_connections_that_say_nothing_are_closed_in_time(start):
    server = start()
    host, port = server.address.split(":")
    with socket.create_connection((host, int(port)), timeout=20) as silent:
        begin = time.monotonic()
        assert silent.recv(100) == b""
        assert time.monotonic() - begin < 15
