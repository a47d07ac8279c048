"""What the scenarios share: a server of their own, CPU times of processes, and the result file."""

import datetime
import json
import os
import pathlib
import platform
import statistics
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/app"))


def cpu_seconds(pid):
    """User and system time of a process and its threads so far."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown")
    return f"{os.cpu_count()} cores, {model}, Linux {platform.release().split('-')[0]}"


def write_result(scenario, rows, goal, reached):
    """bench/scenarios/<scenario>/result.json; `reached` maps a goal to the ratio that was reached of it."""
    result = {"machine": machine(), "date": datetime.date.today().isoformat(), "rows": rows, "goal": goal, "reached": reached}
    path = ROOT / "bench/scenarios" / scenario / "result.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(f"written: {path.relative_to(ROOT)}")
