#!/usr/bin/env python3
"""Ten minutes at 10,000 events a second: memory stays flat. See README.md."""

import json
import pathlib
import statistics
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from measure import arguments, cpu_seconds, resident_bytes, scratch, write_result  # noqa: E402
from millrace_server import BINARY, KEY, Server  # noqa: E402
from picture import lines  # noqa: E402

ID_BYTES = 32  # docs/configuration.md says what an id takes


def main():
    options = arguments(__doc__, minutes=(10.0, 0.5), rate=(10_000, 10_000))
    with scratch("soak") as folder, Server(folder / "data", log_level="warning") as server:
        pids = {"server": server.process.pid, "engine": server.wait_until_open()["pid"]}
        samples, done, begin = [], threading.Event(), time.monotonic()

        def look():
            while not done.wait(1):
                health = server.health()
                samples.append({"s": round(time.monotonic() - begin, 1), "behind": sum(p["durable_end"] - p["stored_until"] for p in health["partitions"]),
                                **{name: resident_bytes(pid) for name, pid in pids.items()}})  # fmt: skip

        threading.Thread(target=look, daemon=True).start()
        report = folder / "load.json"
        before = {name: cpu_seconds(pid) for name, pid in pids.items()}
        load = subprocess.run([BINARY, "load", "--url", f"http://{server.address}", "--key", KEY, "--rate", str(options.rate), "--for", f"{round(options.minutes * 60)}s",
                               "--json", report, "--picture", folder / "load.svg"], stdout=subprocess.PIPE, text=True)  # fmt: skip
        print(load.stdout, flush=True)
        done.set()
        found = json.loads(report.read_text())
        cpu = {name: round((cpu_seconds(pid) - before[name]) * 1e6 / found["accepted"], 3) for name, pid in pids.items()}
        assert load.returncode == 0 and found["proof"]["holds"]
        ids = server.metrics().get("millrace_process_ids", 0)

    def mean(name, begin, end):
        return statistics.mean(sample[name] for sample in samples if begin * samples[-1]["s"] <= sample["s"] <= end * samples[-1]["s"]) / 1e6

    most = {name: max(sample[name] for sample in samples) / 1e6 for name in pids}
    growth = {name: mean(name, 0.9, 1) / mean(name, 0.45, 0.55) for name in pids}
    row = {"case": f"Millrace, {options.rate:,} events/s for {options.minutes:g} minutes", "accepted": found["accepted"], "counted": found["proof"]["counted"],
           "p50_us": found["latency"]["p50_us"], "p99_us": found["latency"]["p99_us"], "p999_us": found["latency"]["p999_us"], "ids": ids,
           **{f"{name}_mb_at_most": round(most[name]) for name in pids}, **{f"{name}_mb_at_the_end": round(mean(name, 0.9, 1)) for name in pids},
           **{f"{name}_second_half_growth": round(growth[name], 3) for name in pids}, **{f"{name}_cpu_us_per_event": cpu[name] for name in pids}}  # fmt: skip
    print(json.dumps(row, indent=1))
    beside = most["server"] - ids * ID_BYTES / 1e6  # of the ids that are there, not of those that there is room for
    goal = {"server MB beside the ids' memory, at most": 200, "engine MB, at most": 800}
    reached = {"server MB beside the ids' memory, at most": round(200 / max(beside, 1), 3), "engine MB, at most": round(800 / most["engine"], 3)}
    print("of the goal:", reached)
    if options.keep_result:
        return
    write_result("soak", [row, {"case": "memory", "samples": samples[::10]}], goal, reached, "quick" if options.quick else "full",
                 lines(f"Memory at {options.rate:,} events/s", {name: [(sample["s"], sample[name] / 1e6) for sample in samples] for name in pids}, "s", "MB resident"))  # fmt: skip


if __name__ == "__main__":
    main()
