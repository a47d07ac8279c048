"""Starts the real program in a temporary folder, on a free loopback port, and stops it."""

import http.client
import json
import os
import pathlib
import queue
import signal
import socket
import subprocess
import threading
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("MILLRACE_BIN", ROOT / "build/release/bin/millrace"))
KEY = "bootstrap-key-of-a-test-0123456789"


def free_port():
    """A port that nobody listens on now. Only for settings that can't take port 0."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """One `millrace serve`. Settings are flags: Server(folder, process_batch_age="50ms")."""

    def __init__(self, folder, environment=None, **settings):
        self.folder = pathlib.Path(folder)
        self.settings = settings
        self.environment = {**os.environ, "MILLRACE_BOOTSTRAP_KEY": KEY, **(environment or {})}
        self.process = None
        self.address = None
        self.log = []

    def command(self):
        flags = [f"--{name.replace('_', '-')}={value}" for name, value in self.settings.items()]
        return [str(BINARY), "serve", f"--data={self.folder}", *([] if "listen" in self.settings else ["--listen=127.0.0.1:0"]), *flags]

    def start(self, timeout_s=60):
        """Returns once the server says that it is ready."""
        self.process = subprocess.Popen(
            self.command(), env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        ready = queue.Queue()
        threading.Thread(target=self._read_output, args=(self.process.stdout, ready), daemon=True).start()
        log = threading.Thread(target=self._read_log, args=(self.process.stderr,), daemon=True)
        log.start()
        try:
            line = ready.get(timeout=timeout_s)
        except queue.Empty:
            line = None
        if line is None:
            code = self.process.poll()
            self.kill()
            log.join(10)  # what it said last is the reason
            raise AssertionError(f"the server did not become ready (exit code {code}):\n" + "".join(self.log[-40:]))
        self.address = urllib.parse.urlparse(line).netloc
        return self

    def _read_output(self, stream, ready):
        for line in stream:
            self.log.append(line)
            if line.startswith("listening on "):
                ready.put(line.split()[2])
        ready.put(None)

    def _read_log(self, stream):
        for line in stream:
            self.log.append(line)

    def stop(self, timeout_s=60):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("the server did not stop after SIGTERM:\n" + "".join(self.log[-40:])) from None

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    # ---- asking ----

    def request(self, method, target, body=None, headers=None, key=KEY, timeout_s=60):
        """(status, headers as a dict in lower case, body as bytes)"""
        connection = http.client.HTTPConnection(self.address, timeout=timeout_s)
        try:
            sent = {"Authorization": f"Bearer {key}"} if key else {}
            sent.update(headers or {})
            try:
                connection.request(method, target, body=body, headers=sent)
            except BrokenPipeError:
                pass  # refused before all of it was sent; the answer is there
            response = connection.getresponse()
            content = response.read()
            return response.status, {name.lower(): value for name, value in response.getheaders()}, content
        finally:
            connection.close()

    def json(self, method, target, body=None, expect=200, **options):
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
            options.setdefault("headers", {}).setdefault("Content-Type", "application/json")
        status, _, content = self.request(method, target, body, **options)
        assert status == expect, f"{method} {target}: {status} {content[:2000]!r}"
        return json.loads(content) if content else None

    def send(self, events, **options):
        return self.json("POST", "/v1/events", events, **options)

    def query(self, **query):
        return self.json("POST", "/v1/query", query)

    def health(self):
        return self.json("GET", "/v1/health")

    def metrics(self):
        _, _, text = self.request("GET", "/metrics")
        lines = [line.split() for line in text.decode().splitlines() if not line.startswith("#")]
        return {name: float(value) for name, value in lines}

    def wait_until_open(self, timeout_s=60):
        """The store has come up; gives what /v1/health says of the engine."""
        deadline = time.monotonic() + timeout_s
        while True:
            health = self.health()
            if health["store"]["open"]:
                return health["engine"]
            assert time.monotonic() < deadline, f"the store did not open in {timeout_s} s: {health['store']}"
            time.sleep(0.02)  # polling a state that nothing announces

    def wait_until_stored(self, timeout_s=60):
        """Every event is in the store that was durable when this was called: others may send on."""
        deadline = time.monotonic() + timeout_s
        ends = {}
        while True:
            partitions = self.health()["partitions"]
            if all(p["stored_until"] >= ends.setdefault(p["partition"], p["durable_end"]) for p in partitions):
                return partitions
            assert time.monotonic() < deadline, f"not all was stored in {timeout_s} s: {partitions}"
            time.sleep(0.02)  # polling a state that nothing announces


def columns(answer):
    """{name: values} of an answer of /v1/query."""
    return {column["name"]: column["values"] for column in answer["columns"]}
