"""F8: out of file descriptors, out of memory. New connections are refused, nothing spins, everything comes back."""

import http.client
import json
import resource
import socket
import threading
import time

from millrace_server import KEY
from watch import MB, Pace, open_descriptors, processor_seconds, resident_bytes, stored_ids


def connect(server):
    host, port = server.address.split(":")
    return socket.create_connection((host, int(port)), timeout=10)


def test_out_of_descriptors_new_connections_are_refused_and_old_ones_served(start, figures):
    server = start(stream_segment_bytes="1MiB")
    server.wait_until_open()
    pid = server.process.pid
    with Pace(server, batches_per_second=20) as pace:
        while len(pace.acknowledged) < 500:
            time.sleep(0.02)  # polling
        old = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (open_descriptors(pid) + 16, old[1]))
        crowd = [connect(server) for _ in range(100)]
        pace.take()
        used = processor_seconds(pid)
        latencies, statuses = pace.measure(2.0)
        used = processor_seconds(pid) - used
        assert statuses.get(200, 0) > 20 and set(statuses) == {200}, statuses
        assert used < 1.0, f"{used} s of processor time in 2 s: it spins"
        turned_away = 0
        for one in crowd:
            one.settimeout(0.05)
            try:
                turned_away += one.recv(100) == b"" or True
            except TimeoutError:
                pass
            except OSError:
                turned_away += 1
        assert turned_away >= 60, f"of 100 connections beyond the limit only {turned_away} were turned away"
        for one in crowd:
            one.close()
        resource.prlimit(pid, resource.RLIMIT_NOFILE, old)
    assert server.send({"event": "after"})["accepted"] == 1
    server.wait_until_stored()
    counts = stored_ids(server)
    assert pace.acknowledged <= set(counts) and set(counts.values()) == {1}
    figures(turned_away=turned_away, processor_seconds_in_2_s=round(used, 2))


def test_out_of_descriptors_the_log_goes_on_when_there_are_some_again(start, figures):
    server = start(stream_segment_bytes="1MiB")
    server.wait_until_open()
    pid = server.process.pid
    padding = "x" * 1000
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/x-ndjson"}
    kept = http.client.HTTPConnection(server.address, timeout=20)
    kept.request("GET", "/healthz")
    kept.getresponse().read()  # it has its descriptor
    accepted, status = 0, 200
    old = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (open_descriptors(pid), old[1]))
    while status == 200 and accepted < 200:  # segments are used up, and another one can't be opened
        body = "\n".join(f'{{"event":"big","message_id":"b{accepted}-{n}","properties":{{"p":"{padding}"}}}}' for n in range(100))
        kept.request("POST", "/v1/events", body, headers)
        answer = kept.getresponse()
        answer.read()
        status = answer.status
        accepted += status == 200
    resource.prlimit(pid, resource.RLIMIT_NOFILE, old)
    assert status in (429, 503), f"{accepted} batches were taken without a descriptor, then {status}"
    deadline = time.monotonic() + 15
    while server.request("POST", "/v1/events", b'{"event":"after"}')[0] != 200:
        assert time.monotonic() < deadline, server.health()["reason"]
        time.sleep(0.05)  # polling
    server.wait_until_stored()
    counts = stored_ids(server, "big")
    assert len(counts) == accepted * 100 and set(counts.values()) == {1}
    figures(batches_taken_before_it=accepted)


def outlives(server):
    """Whether the server answers; False once it has ended. While it does neither, it is on its way to one of them."""
    deadline = time.monotonic() + 30
    while server.process.poll() is None:
        try:
            server.request("GET", "/healthz", key=None)
            return True
        except (OSError, http.client.HTTPException):
            assert time.monotonic() < deadline, "it neither answers nor ends"
            time.sleep(0.02)  # polling
    return False


def test_out_of_memory_the_server_refuses_or_starts_again_and_loses_nothing(start, figures):
    server = start()
    server.wait_until_open()
    pid = server.process.pid
    with Pace(server, batches_per_second=20) as pace:
        while len(pace.acknowledged) < 500:
            time.sleep(0.02)  # polling
        size = int(open(f"/proc/{pid}/statm").read().split()[0]) * resource.getpagesize()
        resource.prlimit(pid, resource.RLIMIT_AS, (size + 64 * MB, resource.RLIM_INFINITY))
        line = b'{"event":"big","properties":{"p":"' + b"y" * 5000 + b'"}}\n'
        body = line * (9 * MB // len(line))
        answers = []

        def send():
            try:
                status = server.request("POST", "/v1/events", body, headers={"Content-Type": "application/x-ndjson"})[0]
            except (OSError, http.client.HTTPException) as error:
                status = type(error).__name__
            answers.append(status)

        senders = [threading.Thread(target=send) for _ in range(24)]
        for thread in senders:
            thread.start()
        for thread in senders:
            thread.join(60)
        survived = outlives(server)
        if survived:
            resource.prlimit(pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        else:  # a thread that is not a request's found no memory: the process ends, and whoever watches it starts it again
            server.start()
        assert server.send({"event": "after"})["accepted"] == 1
    server.wait_until_stored()
    counts = stored_ids(server)
    assert pace.acknowledged <= set(counts) and set(counts.values()) == {1}
    figures(survived=survived, answered=answers.count(200), refused=len(answers) - answers.count(200))


def test_out_of_memory_the_engine_is_started_again_and_ingest_does_not_notice(start, figures):
    server = start()
    old = server.wait_until_open()["pid"]
    with Pace(server, batches_per_second=20) as pace:
        size = int(open(f"/proc/{old}/statm").read().split()[0]) * resource.getpagesize()
        resource.prlimit(old, resource.RLIMIT_AS, (size, resource.RLIM_INFINITY))
        heavy = {"measures": ["uniq(message_id)"], "by": ["message_id"], "range": ["2000-01-01", "2040-01-01"], "limit": 10_000}
        for _ in range(5):
            server.request("POST", "/v1/query", json.dumps(heavy), headers={"Content-Type": "application/json"})
        _, statuses = pace.measure(3.0)
        assert set(statuses) == {200}, statuses
        engine = server.health()["engine"]
        if engine["pid"] == old:
            resource.prlimit(old, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    server.wait_until_stored(60)
    counts = stored_ids(server)
    assert pace.acknowledged <= set(counts) and set(counts.values()) == {1}
    figures(engine_starts=server.health()["engine"]["starts"], server_mb=resident_bytes(server.process.pid) // MB)
