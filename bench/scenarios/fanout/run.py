#!/usr/bin/env python3
"""B8: one frame a second to very many viewers of one view, while events come in. See README.md."""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from measure import ROOT, cpu_seconds, write_result  # noqa: E402
from millrace_server import KEY, Server  # noqa: E402

VIEWERS = ROOT / "build/release/bin/fanout_viewers"


def resident_kb(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS")))


def send_events(server, stopping, rate):
    number = 0
    while not stopping.wait(0.1):
        count = rate // 10
        server.send([{"event": f"event_{(number + n) % 20}", "user_id": f"u{n % 997}"} for n in range(count)])
        number += count


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--viewers", type=int, default=100_000)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--stalled", type=float, default=1.0, help="hundredths of the viewers that never read")
    parser.add_argument("--connects", type=int, default=5_000, help="a second")
    parser.add_argument("--rate", type=int, default=1_000, help="events a second meanwhile")
    arguments = parser.parse_args()
    topic = urllib.parse.quote("view:events_by_second;window=10s")
    with tempfile.TemporaryDirectory(prefix="millrace-bench-") as folder:
        server = Server(f"{folder}/data", log_level="warning", live_viewers=200_000).start()
        while any(view["state"] != "live" for view in server.json("GET", "/v1/views")["views"]):
            time.sleep(0.05)
        pid = server.process.pid
        stopping = threading.Event()
        sender = threading.Thread(target=send_events, args=(server, stopping, arguments.rate))
        sender.start()
        time.sleep(2)
        idle_kb = resident_kb(pid)
        command = [VIEWERS, server.address, KEY, topic, arguments.viewers, arguments.seconds, arguments.stalled, arguments.connects]
        running = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True)
        print(running.stdout.readline().strip(), flush=True)
        used, begin, before = cpu_seconds(pid), time.monotonic(), server.metrics()
        kb = resident_kb(pid)
        row = json.loads(running.stdout.readline())
        after = server.metrics()
        seconds = time.monotonic() - begin
        frames = after["millrace_live_frames_total"] - before["millrace_live_frames_total"]
        row["server_cpu_us_a_frame"] = round((cpu_seconds(pid) - used) * 1e6 / max(frames, 1), 2)
        row["server_bytes_a_viewer"] = round((kb - idle_kb) * 1024 / max(row["viewers"], 1))
        row["frames_a_second"] = round(frames / seconds)
        row["skipped"] = after["millrace_live_skipped_total"] - before["millrace_live_skipped_total"]
        stopping.set()
        sender.join()
        running.wait()
        server.stop()
    print(json.dumps(row, indent=1))
    write_result("fanout", [row], {"own memory of a viewer, bytes": 1024}, {"own memory of a viewer": round(1024 / max(row["server_bytes_a_viewer"], 1), 2)})


if __name__ == "__main__":
    main()
