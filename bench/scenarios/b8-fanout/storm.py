#!/usr/bin/env python3
"""What viewers that stall, and viewers that all come anew, do to ingest and to the server's memory. See README.md."""

import argparse
import json
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from measure import arguments, scratch, spread, table, take_turns  # noqa: E402
from millrace_server import BINARY, KEY, Server  # noqa: E402
from run import Watch, resident_kb  # noqa: E402

WIDE, NARROW = "view:wide", "view:events_by_second;window=10s"


def under_load(folder, options, name, topic, viewers, stalled, comings):
    """p99 of ingest, once all viewers are there, while they do what they do."""

    def case(run):
        with Server(folder / f"{name}-{run}".replace(" ", "-"), log_level="warning") as server:
            server.wait_until_open()
            pid, report = server.process.pid, folder / "load.json"
            # A view whose frames are large: 2,000 rows change each second.
            server.json("POST", "/v1/views", {"name": "wide", "by": ["properties.path"], "grain": "minute", "horizon": "1h"}, expect=201)
            while any(view["state"] != "live" for view in server.json("GET", "/v1/views")["views"]):
                time.sleep(0.05)
            load = [BINARY, "load", "--url", f"http://{server.address}", "--key", KEY, "--rate", options.rate, "--quiet", "--no-proof", "--json", report]
            subprocess.run([*map(str, load), "--for", "5s"], check=True, capture_output=True)  # until memory has its size
            before_kb = resident_kb(pid)
            watch = None
            if viewers:
                longer = argparse.Namespace(viewers=viewers, seconds=options.seconds + 5, connects=options.connects)  # than the load
                watch = Watch(server.address, KEY, topic, longer, stalled, comings)
                watch.process.stdout.readline()
            subprocess.run([*map(str, load), "--for", f"{options.seconds}s"], check=True, capture_output=True)
            found = json.loads(report.read_text())
            row = {"case": name, "p50_ms": round(found["latency"]["p50_us"] / 1000, 2), "p99_ms": round(found["latency"]["p99_us"] / 1000, 2), "accepted": found["accepted"],
                   "memory_grew_mb": round((resident_kb(pid) - before_kb) / 1024, 1), "viewers": int(server.metrics()["millrace_live_viewers"]),
                   "skipped": int(server.metrics()["millrace_live_skipped_total"])}  # fmt: skip
            if watch:
                row["came_anew"] = json.loads(watch.process.stdout.readline())["came_anew"]
                watch.process.wait()
            return row

    return case


def main():
    options = arguments(__doc__, seconds=(20, 4), connects=(5_000, 5_000), rate=(10_000, 10_000), runs=(3, 1))
    with scratch("storm") as folder:
        cases = {
            "alone": under_load(folder, options, "no viewers", "", 0, 0, 0),
            "stalled": under_load(folder, options, "1,000 of a wide view, who never read", WIDE, 1_000, 100, 0),
            "watching": under_load(folder, options, "10,000", NARROW, 10_000, 0, 0),
            "anew": under_load(folder, options, "10,000, of whom 1,000 a second come anew", NARROW, 10_000, 0, 1_000),
            "wide-anew": under_load(folder, options, "the same, of a wide view", WIDE, 10_000, 0, 1_000),
        }
        rows = take_turns(options.runs, cases, options.only)
    names = list(dict.fromkeys(row["case"] for row in rows))
    table("medians", ["", "p50 ms", "p99 ms", "p99 least", "p99 most", "memory grew, MB", "came anew"],
          [[name, of("p50_ms")["median"], of("p99_ms")["median"], of("p99_ms")["min"], of("p99_ms")["max"], of("memory_grew_mb")["median"], (of("came_anew") or {}).get("median")]
           for name in names for of in [lambda value, name=name: spread([row.get(value) for row in rows if row["case"] == name])]])  # fmt: skip


if __name__ == "__main__":
    main()
