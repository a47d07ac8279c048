"""A Millrace data folder with many events, made once by `millrace load` and used by several scenarios: build/bench/dataset-<events>.
Its properties are declared, so each is a column beside the JSON text."""

import json
import os
import shutil
import subprocess
import time

from measure import ROOT, cpu_seconds, device_written_bytes, disk_bytes
from millrace_server import BINARY, KEY, Server, columns, free_port
from peers import Engine, ask_engine

ENGINE_USER = {"engine_user": Engine.user["X-ClickHouse-User"], "engine_password": Engine.user["X-ClickHouse-Key"]}
DECLARED = {"path": "string", "project": "string", "plan": "string", "price": "number", "items": "integer", "mobile": "boolean"}


def folder_of(events):
    return ROOT / f"build/bench/dataset-{events}"


def config(folder):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "millrace.toml"
    # The log is kept as far as the default says: 10 GiB, about 37 million events.
    path.write_text("".join(f'[[property]]\nname = "{name}"\ntype = "{kind}"\n' for name, kind in DECLARED.items()))
    return path


def spoiled(events):
    """It got events of a scenario's own: the next one that wants it makes it anew."""
    (folder_of(events) / "made.json").unlink(missing_ok=True)


def server(events, **settings):
    folder = folder_of(events)
    return Server(folder / "data", config=config(folder), log_level="warning", **settings)


def make(events, by_this_program=False):
    """Loads the events unless they are there; gives what that took. Who wants to know what that takes wants it of this very program."""
    folder = folder_of(events)
    made = folder / "made.json"
    program = os.stat(BINARY)
    by = f"{program.st_size} bytes of {program.st_mtime_ns}"
    if made.exists() and (not by_this_program or json.loads(made.read_text())["by"] == by):
        return json.loads(made.read_text())
    shutil.rmtree(folder, ignore_errors=True)
    port = free_port()
    with server(events, engine_listen=f"127.0.0.1:{port}", **ENGINE_USER) as at:
        engine = at.wait_until_open()["pid"]
        pids = {"server": at.process.pid, "engine": engine}
        before = {name: cpu_seconds(pid) for name, pid in pids.items()}
        device, begin, began_at = device_written_bytes(folder), time.monotonic(), time.time()
        report = folder / "load.json"
        done = subprocess.run([BINARY, "load", "--url", f"http://{at.address}", "--key", KEY, "--rate", "max", "--batch", "1000", "--connections", "16", "--no-proof",
                               "--for", "1h", "--events", str(events), "--json", report], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)  # fmt: skip
        print(done.stdout, flush=True)
        at.wait_until_stored(600)
        seconds = time.monotonic() - begin
        assert done.returncode == 0, done.stdout
        found = json.loads(report.read_text())
        # Before the question that proves it: what it costs is no loading.
        used = {f"{name}_cpu_s": round(cpu_seconds(pid) - before[name], 2) for name, pid in pids.items()}
        used["device_bytes"] = device_written_bytes(folder) - device
        counted = sum(columns(at.query(measures=["count"], range="24h"))["count"])
        audit = at.health()["audit"]
        once = found["accepted"] - found["repeats"]
        assert audit["accepted"] == found["accepted"] and audit["stored"] == counted == once and audit["failed"] + audit["lost"] == 0, (audit, counted, found)
        result = {"by": by, "events": counted, "accepted": found["accepted"], "body_bytes": found["bytes"], "acknowledged_per_s": round(found["events_per_s"]),
                  "stored_per_s": round(found["accepted"] / seconds), "seconds": round(seconds, 2), "began_at": began_at, "ended_at": time.time(),
                  "wall_s": round(time.monotonic() - begin, 2), **used}  # fmt: skip
        parts = "FROM system.parts WHERE active AND database = 'millrace' AND table = 'events'"
        result["store_bytes"] = int(ask_engine(port, f"SELECT sum(bytes_on_disk) {parts}"))
        metrics = at.metrics()
        result["log_bytes"] = round(metrics["millrace_stream_written_bytes_total"])
    result["disk_bytes"] = {name: disk_bytes(folder / "data" / name) for name in ("engine", "log", "process") if (folder / "data" / name).exists()}
    made.write_text(json.dumps(result, indent=1))
    return result
