#!/usr/bin/env python3
"""B4: reading and validating events. See README.md."""

import json
import pathlib
import statistics
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from measure import BIN, ROOT, arguments, cpu_seconds, runs_of, scratch, table, take_turns, write_result  # noqa: E402
from peers import Engine, install_yyjson, run  # noqa: E402
from picture import bars  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
FORMS = ["usual", "shuffled", "escapes", "malformed"]


def build_peers():
    program = ROOT / "build/bench/parse_peers"
    if not program.exists() or program.stat().st_mtime < max((HERE / name).stat().st_mtime for name in ("peers.cc", "events.h", "floor.h")):
        source = install_yyjson()
        run("gcc", "-O2", "-march=native", "-c", source / "yyjson.c", "-o", f"{program}.o")
        run("g++", "-std=c++20", "-O2", "-march=native", "-I", source, "-I", HERE, HERE / "peers.cc", f"{program}.o", "-lsimdjson", "-o", program)
    return program


def program(path, options):
    def case(_):
        done = subprocess.run([path, str(options.events), str(options.seconds)], check=True, capture_output=True, text=True)
        return [json.loads(line) for line in done.stdout.splitlines()]

    return case


def events(form, count):
    """Some of the same events, for the engine: it reads a body of its own making as fast as any."""
    import random

    chance, lines = random.Random(1), []
    for _ in range(count):
        n = chance.randrange(100_000)
        path = f"/products/{n}" + ('\\/\\u00e9\\"x\\"' if form == "escapes" else "/detail")
        fields = ['"event":"page_viewed"', f'"user_id":"u_{n}"', '"timestamp":"2024-03-18T06:16:09.123Z"', f'"message_id":"68ccc0ce{n}:{chance.randrange(10**6)}"',
                  f'"properties":{{"path":"{path}","referrer":"search","duration_ms":{chance.randrange(10_000)},"score":0.{chance.randrange(1000)},"logged_in":true}}']  # fmt: skip
        if form == "shuffled":
            chance.shuffle(fields)
        lines.append("{" + ",".join(fields) + ("," if form == "malformed" and chance.randrange(1000) == 0 else "}"))
    return ("\n".join(lines) + "\n").encode()


def engine(folder, options):
    """CPU time of INSERT … FORMAT JSONEachRow into a table that keeps nothing, properties as text; it stops at a malformed line unless
    it may skip some."""

    def case(number):
        rows = []
        with Engine(folder / f"engine-{number}") as server:
            server.query("CREATE DATABASE peer")
            server.query("CREATE TABLE peer.null (event LowCardinality(String), user_id String, timestamp DateTime64(3), message_id String, properties String) ENGINE = Null")
            for form in FORMS:
                body = events(form, 20_000)
                count = max(1, options.events // 20_000)
                settings = {"date_time_input_format": "best_effort", "input_format_json_read_objects_as_strings": 1, "max_insert_threads": 1,
                            "input_format_parallel_parsing": 0, "input_format_allow_errors_ratio": 0.01 if form == "malformed" else 0}  # fmt: skip
                server.query("INSERT INTO peer.null FORMAT JSONEachRow", body, **settings)
                before = cpu_seconds(server.pid)
                for _ in range(count):
                    server.query("INSERT INTO peer.null FORMAT JSONEachRow", body, **settings)
                ns = (cpu_seconds(server.pid) - before) * 1e9 / (count * 20_000)
                rows.append({"case": "engine, JSONEachRow into Null", "form": form, "ns_per_event": round(ns, 1), "gb_per_s": round(len(body) / 20_000 / ns, 3)})
        return rows

    return case


def main():
    options = arguments(__doc__, events=(1_000_000, 100_000), seconds=(2.0, 0.3), runs=(3, 1))
    with scratch("b4") as folder:
        cases = {"millrace": program(BIN / "parse_events", options), "peers": program(build_peers(), options), "engine": engine(folder, options)}
        rows = take_turns(options.runs, cases, options.only)
    names = list(dict.fromkeys(row["case"] for row in rows))

    def of(name, form, value="ns_per_event"):
        found = [row[value] for row in rows if (row["case"], row["form"]) == (name, form)]
        return {"median": statistics.median(found), "min": min(found), "max": max(found)} if found else None

    table("CPU nanoseconds an event (median)", ["", *FORMS], [[name, *[(of(name, form) or {}).get("median") for form in FORMS]] for name in names])
    if options.only or options.keep_result:
        return
    floor, ours = "simdjson alone (floor)", "Millrace"

    def ratio(form, other, other_form):
        """Of the same run, then the median."""
        by_run = {}
        for row in rows:
            by_run[row["run"], row["case"], row["form"]] = row["ns_per_event"]
        return statistics.median(by_run[r, ours, form] / by_run[r, other, other_form] for r in {row["run"] for row in rows})

    times = {form: ratio(form, floor, form) for form in FORMS[:3]}
    native = {form: ratio(form, "simdjson alone, -march=native", form) for form in FORMS[:3]}
    shuffled = ratio("shuffled", ours, "usual")
    allocated = max(row["allocations_per_event"] for row in rows if row["case"] == ours and row["form"] != "malformed")
    goal = {"usual, times the floor": 1.4, "escapes, times the floor": 1.4, "usual, times the floor, -march=native": 1.4, "shuffled, times usual": 1.2, "allocations an event": 0}
    reached = {"usual, times the floor": round(1.4 / times["usual"], 3), "escapes, times the floor": round(1.4 / times["escapes"], 3),
               "usual, times the floor, -march=native": round(1.4 / native["usual"], 3),
               "shuffled, times usual": round(1.2 / shuffled, 3), "allocations an event": 1 if allocated == 0 else 0}  # fmt: skip
    print(f"times the floor: {times}, of that for this processor: {native}; shuffled / usual {shuffled:.2f}; allocations an event {allocated}\nof the goal: {reached}")
    write_result("b4-parse", rows, goal, reached, f"{'quick' if options.quick else 'full'}: {options.events:,} events, {options.seconds:g} s for each case, {runs_of(rows)} run(s)",
                 bars("B4: reading and validating an event", {form: {name: of(name, form) for name in names if of(name, form)} for form in FORMS},
                      "CPU nanoseconds an event: less is better", logarithmic=True))  # fmt: skip


if __name__ == "__main__":
    main()
