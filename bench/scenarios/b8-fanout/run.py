#!/usr/bin/env python3
"""B8: one frame a second to very many viewers, a hundredth of which never read, while events come in. See README.md."""

import argparse
import json
import pathlib
import subprocess
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from measure import BIN, arguments, cpu_seconds, medians, scratch, table, take_turns, tree, write_result  # noqa: E402
from millrace_server import KEY, Server  # noqa: E402
from peers import Nchan, NodeFanOut  # noqa: E402
from picture import bars  # noqa: E402

TOPIC = "view:events_by_second;window=10s"
STALLED = 1.0  # hundredths of the viewers


def resident_kb(pid):
    """Anonymous memory alone: the program's own, without what it has mapped of files."""
    return sum(int(line.split()[1]) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("RssAnon"))


class Watch:
    """The viewers' program, and the CPU that the server takes meanwhile."""

    def __init__(self, address, key, topic, options, stalled=STALLED, comings=0):
        command = [BIN / "fanout_viewers", address, key, urllib.parse.quote(topic), options.viewers, options.seconds, stalled, options.connects, comings]
        self.process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True)

    def run(self, pids, meanwhile=lambda: None):
        self.process.stdout.readline()  # all are connected
        before, begin = sum(cpu_seconds(pid) for pid in pids), time.monotonic()
        meanwhile()
        row = json.loads(self.process.stdout.readline())
        used = sum(cpu_seconds(pid) for pid in pids) - before
        row["server_cores"] = round(used / (time.monotonic() - begin), 3)
        row["server_us_a_frame"] = round(used * 1e6 / max(row["frames"], 1), 2)
        row["frame_bytes"] = round(row["bytes"] / max(row["frames"], 1))
        self.process.wait()
        return row


def send_events(server, stopping, rate):
    number = 0
    while not stopping.wait(0.1):
        server.send([{"event": "seen", "user_id": f"u{n % 997}"} for n in range(rate // 10)])
        number += rate // 10


def millrace(folder, options, stalled=STALLED, name="Millrace"):
    def case(run):
        server = Server(folder / f"{name}-{run}", log_level="warning", live_viewers=1_000_000).start()
        while any(view["state"] != "live" for view in server.json("GET", "/v1/views")["views"]):
            time.sleep(0.05)
        pid = server.process.pid
        stopping = threading.Event()
        sender = threading.Thread(target=send_events, args=(server, stopping, options.rate))
        sender.start()
        time.sleep(2)
        idle_kb, more = resident_kb(pid), {}

        def look():
            more["server_bytes_a_viewer"] = round((resident_kb(pid) - idle_kb) * 1024 / options.viewers)
            more["at_server"] = int(server.metrics()["millrace_live_viewers"])

        row = Watch(server.address, KEY, TOPIC, options, stalled).run([pid], look)
        row["skipped"] = int(server.metrics()["millrace_live_skipped_total"])
        stopping.set()
        sender.join()
        server.stop()
        return {"case": name, **row, **more}

    return case


def floor(frame_bytes, options):
    def case(_):
        processes = -(-options.viewers // 12_000)
        server = subprocess.Popen([BIN / "fanout_floor", str(processes), str(frame_bytes())], stdout=subprocess.PIPE, text=True)
        address = server.stdout.readline().split()[-1]
        row = Watch(address, "none", "none", options).run(tree(server.pid)[1:])
        server.kill()
        server.wait()
        return {"case": "epoll and send alone (floor)", **row}

    return case


def few(options):
    return argparse.Namespace(viewers=options.peer_viewers, seconds=options.seconds, connects=1_000, rate=options.rate)


def nchan(folder, frame_bytes, options):
    def case(run):
        with Nchan(folder / f"nchan-{run}") as server:
            stopping = threading.Event()

            def say():
                while not stopping.wait(1):
                    head = f'{{"as_of":{int(time.time() * 1000)},"'
                    server.say(head + "x" * max(0, frame_bytes() - len(head) - 2) + '"}')

            server.say('{"first":1}')
            sayer = threading.Thread(target=say)
            sayer.start()
            pids = tree(server.pid)
            before = sum(resident_kb(pid) for pid in pids)
            more = {}

            def look():
                more["server_bytes_a_viewer"] = round((sum(resident_kb(pid) for pid in pids) - before) * 1024 / options.peer_viewers)

            try:
                row = Watch(f"127.0.0.1:{server.port}", "none", "none", few(options)).run(pids, look)
            finally:
                stopping.set()
                sayer.join()
            return {"case": f"nginx and nchan, {options.peer_viewers:,}", **row, **more}

    return case


def node(folder, frame_bytes, options):
    def case(run):
        with NodeFanOut(folder / f"node-{run}", frame_bytes()) as server:
            before, more = resident_kb(server.pid), {}

            def look():
                more["server_bytes_a_viewer"] = round((resident_kb(server.pid) - before) * 1024 / options.peer_viewers)

            return {"case": f"Node, {options.peer_viewers:,}", **Watch(f"127.0.0.1:{server.port}", "none", "none", few(options)).run([server.pid], look), **more}

    return case


def main():
    options = arguments(__doc__, viewers=(102_000, 4_000), seconds=(20, 4), connects=(5_000, 5_000), rate=(1_000, 1_000), runs=(3, 1), peer_viewers=(10_000, 2_000))
    seen = [1_000]  # bytes of a frame of Millrace's, for the floor to send as many
    with scratch("b8") as folder:
        def with_bytes(case):
            def run(number):
                row = case(number)
                seen[0] = row["frame_bytes"]
                return row
            return run

        cases = {"millrace": with_bytes(millrace(folder, options)), "floor": floor(lambda: seen[0], options),
                 "none stalled": millrace(folder, options, 0.0, "Millrace, none stalled"),
                 "few": millrace(folder, few(options), name=f"Millrace, {options.peer_viewers:,}"), "nchan": nchan(folder, lambda: seen[0], options),
                 "node": node(folder, lambda: seen[0], options)}  # fmt: skip
        rows = take_turns(options.runs, cases, options.only)
    shown = {value: medians(rows, value) for value in ("viewers", "frames_a_second", "server_us_a_frame", "delay_p50_ms", "delay_p99_ms", "server_bytes_a_viewer")}
    names = list(dict.fromkeys(row["case"] for row in rows))
    table("medians", ["", "viewers", "frames/s", "server µs a frame", "p50 ms", "p99 ms", "own bytes a viewer"],
          [[name, *[of[name]["median"] if name in of else None for of in shown.values()]] for name in names])  # fmt: skip
    if options.only or options.keep_result:
        return
    ours, raw, calm = names[:3]
    ratio = shown["server_us_a_frame"][raw]["median"] / shown["server_us_a_frame"][ours]["median"]
    goal = {"frames a CPU second, of the floor": 0.85, "own memory of a viewer, bytes at most": 1024, "p99 with a hundredth stalled, of that with none, at most": 1.1}
    stalls = shown["delay_p99_ms"][ours]["median"] / shown["delay_p99_ms"][calm]["median"]
    reached = {"frames a CPU second, of the floor": round(ratio / 0.85, 3),
               "own memory of a viewer, bytes at most": round(1024 / max(shown["server_bytes_a_viewer"][ours]["median"], 1), 3),
               "p99 with a hundredth stalled, of that with none, at most": round(1.1 / stalls, 3)}  # fmt: skip
    print("of the goal:", reached)
    write_result("b8-fanout", rows, goal, reached, "quick" if options.quick else "full",
                 bars("B8: a frame to each viewer", {"server's CPU": shown["server_us_a_frame"]}, "µs a frame"))  # fmt: skip


if __name__ == "__main__":
    main()
