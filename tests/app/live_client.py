"""A reader of GET /v1/live, and what it knows of a view."""

import json
import socket
import time
import urllib.parse

from millrace_server import KEY


class LiveStream:
    """One connection. read() gives the next frame as (event, id, data)."""

    def __init__(self, server, *topics, last_event_id=None, tick=100, receive_bytes=None, key=KEY, cookie=None):
        host, port = server.address.rsplit(":", 1)
        self.socket = socket.socket()
        if receive_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.settimeout(30)
        self.socket.connect((host, int(port)))
        query = urllib.parse.urlencode([*(("topic", topic) for topic in topics), ("tick", tick)], quote_via=urllib.parse.quote)
        again = f"Last-Event-ID: {last_event_id}\r\n" if last_event_id else ""
        who = f"Authorization: Bearer {key}\r\n" if key else f"Cookie: {cookie}\r\n"
        self.socket.sendall(f"GET /v1/live?{query} HTTP/1.1\r\nHost: x\r\n{who}{again}\r\n".encode())
        self.file = self.socket.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        self.headers = dict(line.decode().strip().lower().split(": ", 1) for line in iter(self.file.readline, b"\r\n"))
        self.id = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.file.close()
        self.socket.close()

    def read(self):
        event = data = None
        while True:
            line = self.file.readline()
            assert line, "the stream has ended"
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name == "id":
                self.id = value
            elif name == "event":
                event = value
            elif name == "data":
                data = json.loads(value)
            elif line == b"\n" and event:
                return event, self.id, data

    def until(self, wanted, timeout_s=20):
        """Reads on until wanted(event, data) is true; gives the frame's data."""
        deadline = time.monotonic() + timeout_s
        while True:
            event, _, data = self.read()
            if wanted(event, data):
                return data
            assert time.monotonic() < deadline, f"not seen in {timeout_s} s; the last was {event} {data}"


class Picture:
    """What a viewer knows of a view: rows by (time, dimensions). It checks that nothing is missing on the way."""

    def __init__(self, dimensions=1):
        self.dimensions = dimensions
        self.rows = {}
        self.seq = None
        self.snapshots = 0

    def take(self, event, data):
        if event == "snapshot":
            self.rows = {}
            self.snapshots += 1
        else:
            assert event == "delta" and data["seq"] == self.seq + 1, f"{event} {data['seq']} after {self.seq}"
        self.seq = data["seq"]
        values = [column["values"] for column in data["columns"]]
        for row in zip(*values, strict=True):
            self.rows[row[: 1 + self.dimensions]] = row[1 + self.dimensions :]
        self.rows = {key: row for key, row in self.rows.items() if key[0] >= data["removed_before"]}
        return self

    def count(self, event=None):
        return sum(row[0] for key, row in self.rows.items() if event is None or key[1] == event)


def wait_for_count(stream, picture, wanted, timeout_s=20):
    """Reads until the picture counts so many."""
    deadline = time.monotonic() + timeout_s
    while picture.count() != wanted:
        event, _, data = stream.read()
        picture.take(event, data)
        assert time.monotonic() < deadline, f"{picture.count()} of {wanted} in {timeout_s} s"
    return picture


def wait_until_live(server, name, timeout_s=60, **options):
    """The view has been built; gives its line of GET /v1/views."""
    deadline = time.monotonic() + timeout_s
    while True:
        view = next(view for view in server.json("GET", "/v1/views", **options)["views"] if view["name"] == name)
        if view["state"] == "live":
            return view
        assert time.monotonic() < deadline, f"not live in {timeout_s} s: {view}"
        time.sleep(0.02)  # polling a state that nothing announces
