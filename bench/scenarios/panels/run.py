#!/usr/bin/env python3
"""B6: a dashboard of twelve panels over the real events (157,240, loaded several times over). See README.md."""

import argparse
import pathlib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from measure import ROOT, spread, write_result  # noqa: E402
from millrace_server import BINARY, KEY, Server  # noqa: E402

WHOLE = {"range": ["2012-01-01", "2027-01-01"]}
CHANGED = ["=", "event", "file_changed"]
PANELS = {
    "events": {"measures": ["count"]},
    "events by name": {"measures": ["count"], "by": ["event"]},
    "events by month": {"measures": ["count"], "every": "month"},
    "users by month": {"measures": ["uniq(user_id)"], "every": "month"},
    "users": {"measures": ["uniq(user_id)"]},
    "top extensions": {"measures": ["count"], "by": ["properties.extension"], "where": CHANGED, "order": ["-count"], "limit": 10},
    "top folders": {"measures": ["count"], "by": ["properties.folder"], "where": CHANGED, "order": ["-count"], "limit": 10},
    "top users": {"measures": ["count"], "by": ["user_id"], "order": ["-count"], "limit": 10},
    "lines by repository": {"measures": ["sum(properties.added)", "sum(properties.deleted)"], "by": ["properties.repo"]},
    "quantiles": {"measures": ["quantile(0.5, properties.added)", "quantile(0.99, properties.added)"], "where": CHANGED},
    "binary files": {"measures": ["count"], "where": ["=", "properties.binary", True]},
    "a week by day and repository": {"measures": ["count"], "by": ["properties.repo"], "every": "day", "range": ["2024-03-04", "2024-03-11"]},
}  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--copies", type=int, default=20, help="times that the file is loaded, with ids of its own each time")
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="millrace-bench-") as folder, Server(f"{folder}/data", log_level="warning") as server:
        plain = subprocess.run(["zstd", "-dc", ROOT / "tests/data/commits.ndjson.zst"], check=True, capture_output=True).stdout
        for copy in range(arguments.copies):
            body = plain.replace(b'"message_id":"', b'"message_id":"%d-' % copy)
            subprocess.run([BINARY, "send", "-", "--quiet", "--url", f"http://{server.address}", "--key", KEY], input=body, check=True)
        server.wait_until_stored(600)
        events = server.query(measures=["count"], **WHOLE)["columns"][0]["values"][0]
        print(f"{events} events", flush=True)
        for name, panel in PANELS.items():
            times, read = [], 0
            for run in range(arguments.runs):
                begin = time.monotonic()
                # The time limit differs each time, so that nothing is answered from a cache.
                answer = server.query(**{**WHOLE, "limit": 1000, **panel, "max_time_ms": 9000 + run})
                times.append((time.monotonic() - begin) * 1000)
                read = answer["rows_read"]
            rows.append({"panel": name, "events": events, "rows_read": read, "ms": spread([round(t, 2) for t in times])})
            print(f"{name:32s} median {rows[-1]['ms']['median']:8.2f} ms, {read} rows read", flush=True)
    slowest = max(row["ms"]["median"] for row in rows)
    scaled = slowest * 100e6 / events
    print(f"slowest panel {slowest:.0f} ms; in proportion to 100 million events {scaled / 1000:.1f} s")
    write_result("panels", rows, {"every panel over 100 million events, ms": 1000}, {"every panel, in proportion": round(1000 / scaled, 3)})


if __name__ == "__main__":
    main()
