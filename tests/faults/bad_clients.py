#!/usr/bin/env python3
"""Clients that misbehave, in a process of their own, so that they take nothing from those who measure but the machine's time.

    bad_clients.py HOST:PORT KIND [HOW MANY]     until standard input ends

Says "ready" once they are all at it, and at the end how often they did it.
"""

import contextlib
import pathlib
import resource
import socket
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "app"))
from millrace_server import KEY  # noqa: E402

HEAD = f"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nContent-Type: application/x-ndjson\r\n"


class Clients:
    def __init__(self, address):
        host, port = address.split(":")
        self.address = host, int(port)
        self.over = threading.Event()
        self.done = 0

    def connect(self):
        return socket.create_connection(self.address, timeout=20)

    def again_and_again(self, what, threads):
        def loop():
            while not self.over.is_set():
                with contextlib.suppress(OSError):
                    what(self)

        for _ in range(threads):
            threading.Thread(target=loop, daemon=True).start()

    def reset(self):
        """A body of which the rest never comes, because the connection is reset."""
        body = "".join(f'{{"event":"half","message_id":"half-{time.monotonic_ns()}-{n}"}}\n' for n in range(100)).encode()
        one = self.connect()
        one.sendall(HEAD.encode() + f"Content-Length: {len(body) + 10}\r\n\r\n".encode() + body)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.close()  # a reset
        self.done += 1
        self.over.wait(0.02)

    def half_open(self):
        """A chunked body without its last chunk."""
        piece = b'{"event":"half","message_id":"chunk-%d"}\n' % time.monotonic_ns()
        one = self.connect()
        one.sendall(HEAD.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + b"%x\r\n" % len(piece) + piece + b"\r\n")
        one.close()
        self.done += 1
        self.over.wait(0.02)

    def slow_head(self):
        with self.connect() as one:
            for byte in HEAD:
                if self.over.wait(0.1):
                    return
                one.sendall(byte.encode())
                self.done += 1

    def slow_body(self):
        with self.connect() as one:
            one.sendall(HEAD.encode() + b"Content-Length: 100000\r\n\r\n")
            while not self.over.wait(0.1):
                one.sendall(b" ")
                self.done += 1

    def slow_reader(self):
        """Asks for a lot, and takes nothing."""
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.connect(self.address)
        ask = f"GET /v1/events?limit=1000 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n\r\n".encode()
        one.sendall(ask * 20)
        self.done += 1
        self.over.wait(3)
        one.close()

    def idle(self, wanted):
        """Connections that were good once and then say nothing: they may stay for a minute."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, wanted + 100)), hard))
        self.crowd = []
        for _ in range(wanted):
            one = self.connect()
            one.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            one.recv(1000)
            self.crowd.append(one)
        self.done = wanted


# How many at once; a chunk of a big answer is what each slow reader holds.
KINDS = {"reset": (Clients.reset, 2), "half_open": (Clients.half_open, 2), "slow_head": (Clients.slow_head, 20),
         "slow_body": (Clients.slow_body, 20), "slow_reader": (Clients.slow_reader, 10), "idle": (None, 1000)}


class BadClients:
    """With BadClients(server, "reset"): they are at it. `done` afterwards."""

    def __init__(self, server, kind, many=None):
        self.command = [sys.executable, __file__, server.address, kind, str(many or KINDS[kind][1])]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"
        return self

    def __exit__(self, *_):
        output, _ = self.process.communicate(timeout=60)
        self.done = int(output)


def main():
    address, kind, many = sys.argv[1], sys.argv[2], int(sys.argv[3])
    clients = Clients(address)
    if kind == "idle":
        clients.idle(many)
    else:
        clients.again_and_again(KINDS[kind][0], many)
    print("ready", flush=True)
    sys.stdin.read()
    clients.over.set()
    print(clients.done, flush=True)


if __name__ == "__main__":
    main()
