"""What the scenarios share: arguments, CPU and disk use of processes, runs that take turns, and the result file."""

import argparse
import contextlib
import datetime
import json
import os
import pathlib
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
BIN = ROOT / "build/release/bin"
sys.path.insert(0, str(ROOT / "tests/app"))


# ---- processes ----


def stat_of(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return {"parent": int(fields[1]), "own": int(fields[11]) + int(fields[12]), "reaped": int(fields[13]) + int(fields[14])}


def tree(pid):
    """A process and everything that descends from it."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                children.setdefault(stat_of(entry)["parent"], []).append(int(entry))
    found, left = [], [pid]
    while left:
        found.append(left.pop())
        left += children.get(found[-1], [])
    return found


def cpu_seconds(pid, whole_tree=False):
    """User and system time so far; of a tree with those of its processes that have ended."""
    ticks = 0
    for one in tree(pid) if whole_tree else [pid]:
        with contextlib.suppress(OSError):
            stat = stat_of(one)
            ticks += stat["own"] + (stat["reaped"] if whole_tree else 0)
    return ticks / os.sysconf("SC_CLK_TCK")


def resident_bytes(pid):
    """Memory that is this process's own (Pss), so that pages shared in a tree count once."""
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def device_written_bytes(folder, sync=True):
    """Bytes written so far to the disk that `folder` lies on, by everybody, with what is still in memory. Unlike /proc/PID/io, which counts a large folio
    whole each time that a few bytes of it are made dirty (hundreds of KB for each fsync of a small append), this is what the disk got."""
    if sync:
        subprocess.run(["sync", "-f", folder], check=True)
    device = os.stat(folder).st_dev
    link = pathlib.Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/stat")
    return int(link.read_text().split()[6]) * 512


def disk_bytes(folder):
    """What a folder takes on the disk."""
    return int(subprocess.run(["du", "-s", "--block-size=1", folder], check=True, capture_output=True, text=True).stdout.split()[0])


class Cpu:
    """CPU seconds of named processes between two moments."""

    def __init__(self, **pids):
        self.pids = pids
        self.before = {name: cpu_seconds(pid, True) for name, pid in pids.items()}

    def us_per(self, events):
        return {f"{name}_cpu_us_per_event": round((cpu_seconds(pid, True) - self.before[name]) * 1e6 / max(events, 1), 3)
                for name, pid in self.pids.items()}  # fmt: skip


# ---- running ----


@contextlib.contextmanager
def scratch(prefix):
    """A folder that is gone afterwards. In MILLRACE_BENCH_DIR, or in /var/tmp: /tmp may be memory, which syncs for nothing."""
    base = os.environ.get("MILLRACE_BENCH_DIR", "/var/tmp")
    folder = pathlib.Path(tempfile.mkdtemp(prefix=f"millrace-{prefix}-", dir=base))
    folder.chmod(0o755)  # PostgreSQL may run as another user
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def arguments(description, **defaults):
    """--name for each default, `(full, quick)`; QUICK=1 takes the quick ones. Also --only, a part of the cases' names."""
    parser = argparse.ArgumentParser(description=description)
    quick = os.environ.get("QUICK", "") not in ("", "0")
    for name, (full, short) in defaults.items():
        parser.add_argument("--" + name.replace("_", "-"), type=type(full), default=short if quick else full, help=f"{full}; quick {short}")
    parser.add_argument("--only", default="", help="cases whose name holds this")
    parser.add_argument("--more", action="store_true", help="adds to the runs of the last time, instead of beginning anew")
    parser.add_argument("--keep-result", action="store_true", help="don't write result.json and the picture")
    parsed = parser.parse_args()
    parsed.quick = quick
    earlier.more = parsed.more
    # A killed benchmark still stops its servers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    return parsed


class Earlier:
    """Rows are kept in build/bench, so that three runs need not be made in one go (--more)."""

    more, calls = False, 0

    def path(self):
        """Of the next call of take_turns by this scenario."""
        self.calls += 1
        return ROOT / f"build/bench/rows/{pathlib.Path(sys.argv[0]).resolve().parent.name}-{self.calls}.json"


earlier = Earlier()


def take_turns(runs, cases, only=""):
    """Each case once, then each again: what the machine does meanwhile hits all alike. A case gives a row or some."""
    kept = earlier.path()
    rows = json.loads(kept.read_text()) if earlier.more and kept.exists() else []
    first = max((row["run"] for row in rows), default=-1) + 1
    for run in range(first, first + runs):
        for name, case in cases.items():
            if only and only not in name:
                continue
            begin = time.monotonic()
            made = case(run)
            for row in made if isinstance(made, list) else [made]:
                rows.append({"run": run, **row})
                shown = ", ".join(f"{key} {short(value)}" for key, value in row.items() if key != "case" and not isinstance(value, (dict, list)))
                print(f"run {run + 1}/{first + runs}  {row.get('case', name):44s} {shown}  ({time.monotonic() - begin:.0f} s)", flush=True)
    if not only:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(rows))
    return rows


def runs_of(rows):
    return len({row["run"] for row in rows})


def short(value):
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def spread(values):
    values = [value for value in values if value is not None]
    return {"median": statistics.median(values), "min": min(values), "max": max(values)} if values else None


def medians(rows, value, key="case"):
    """{case: spread of `value`} in the order in which the cases came."""
    cases = list(dict.fromkeys(row[key] for row in rows if value in row))
    return {case: spread([row[value] for row in rows if row[key] == case and value in row]) for case in cases}


def table(title, columns, lines):
    """Prints a table; numbers to the right."""
    texts = [[short(cell) if cell is not None else "" for cell in line] for line in lines]
    widths = [max(len(str(cell)) for cell in column) for column in zip(columns, *texts)]
    print(f"\n{title}")
    for line in [columns, *texts]:
        print("  " + "  ".join(cell.ljust(width) if i == 0 else cell.rjust(width) for i, (cell, width) in enumerate(zip(line, widths))))
    print(flush=True)


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {model}, {memory:.0f} GiB, Linux {platform.release().split('-')[0]}"


def revision():
    found = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    return found.stdout.strip() or "unknown"


def write_result(scenario, rows, goal, reached, form, picture=None):
    """bench/scenarios/<scenario>/result.json and picture.svg. `reached` maps each goal to the ratio that was reached of it: 1 is the
    goal, more is better. `form` says what was run: "full", or what was smaller."""
    folder = ROOT / "bench/scenarios" / scenario
    result = {"machine": machine(), "date": datetime.date.today().isoformat(), "revision": revision(), "form": form, "rows": rows,
              "goal": goal, "reached": reached}  # fmt: skip
    (folder / "result.json").write_text(json.dumps(result, indent=1) + "\n")
    if picture:
        (folder / "picture.svg").write_text(picture)
    print(f"written: bench/scenarios/{scenario}/result.json{' and picture.svg' if picture else ''}")
