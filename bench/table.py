#!/usr/bin/env python3
"""Writes the table of benchmarks in docs/performance.md, and the last line of each scenario's README, from the result.json files.
`make bench` ends with it."""

import json
import statistics

from measure import ROOT

BEGIN, END = "<!-- the table: written by bench/table.py -->", "<!-- the table's end -->"
UNITS = {"b1-incident": [("actions_per_s", "actions/s, by clients", "clients")],
         "b2-append": [("events_per_s", "events/s", "in_flight")], "b3-ingest": [("events_per_s", "events/s", "size")],
         "b4-parse": [("ns_per_event", "CPU ns/event", "form")], "b5-aggregate": [("ns_per_event", "CPU ns/event", None)], "b6-read": [("p50_ms", "ms, one client, idle", "panel")],
         "b7-footprint": [("rows_per_s", "rows/s", None), ("store_disk_bytes_per_row", "bytes on disk a row", None), ("written_bytes_per_row", "bytes written a row", None)],
         "b8-fanout": [("viewers", "viewers", None), ("frames_a_second", "frames/s", None), ("server_us_a_frame", "server's CPU µs a frame", None), ("delay_p50_ms", "age in ms on arrival, p50", None), ("server_bytes_a_viewer", "own bytes a viewer", None)],
         "b9-freshness": [("screen_p50_ms", "ms on screen, p50", None), ("screen_p99_ms", "ms on screen, p99", None), ("sql_p99_ms", "ms in SQL, p99", None)],
         "b10-recovery": [("first_acknowledgement_s", "s to the first acknowledgement", None), ("right_answers_s", "s to right answers", None)],
         "b11-kafka": [("events_per_s", "events/s", None), ("brokers_cpu_us_per_event", "brokers' CPU µs an event", None)],
         "b12-processors": [("processing_us", "processing, CPU µs an event", None), ("stream_us", "the log, or Kafka's client, CPU µs an event", None),
                            ("rest_us", "the rest (HTTP, parsing), CPU µs an event", None)]}  # fmt: skip


def number(value):
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def figures(scenario, result):
    """Lines of a Markdown table: a case a line, a measure or a point of it a column."""
    for value, unit, key in UNITS.get(scenario, []):
        rows = [row for row in result["rows"] if value in row and row.get("state", "idle") == "idle" and (key == "clients" or row.get("clients", 1) == 1)]
        points = list(dict.fromkeys(row[key] for row in rows)) if key else [None]
        yield f"\n| {unit} | " + " | ".join("median (least … most)" if point is None else str(point) for point in points) + " |"
        yield "| --- |" + " --- |" * len(points)
        for case in dict.fromkeys(row["case"] for row in rows):
            cells = []
            for point in points:
                found = [row[value] for row in rows if row["case"] == case and (key is None or row[key] == point)]
                cells.append("" if not found else number(statistics.median(found)) + (f" ({number(min(found))} … {number(max(found))})" if len(found) > 1 else ""))
            yield f"| {case} | " + " | ".join(cells) + " |"


def last_line(folder, result):
    """What the last run reached, at the end of the scenario's README."""
    readme = folder / "README.md"
    begin = "Last result"
    kept = [line for line in readme.read_text().rstrip().split("\n") if not line.startswith(begin)]
    reached = "; ".join(f"{goal} {number(wanted)}: {result['reached'].get(goal, '')}" for goal, wanted in result["goal"].items())
    line = f"{begin} ([picture](picture.svg), [rows](result.json); {result['date']}, {result['form']}), as a ratio of each goal: {reached}."
    readme.write_text("\n".join(kept).rstrip() + "\n\n" + line + "\n")


def main():
    page = ROOT / "docs/performance.md"
    lines = ["| | goal | reached of it |", "| --- | --- | --- |"]
    details = []
    for path in sorted((ROOT / "bench/scenarios").glob("*/result.json"), key=lambda path: (path.parent.name[0] != "b", int("".join(filter(str.isdigit, path.parent.name)) or 0))):
        result = json.loads(path.read_text())
        scenario = path.parent.name
        if "form" not in result:
            continue
        last_line(path.parent, result)
        for goal, value in result["goal"].items():
            lines.append(f"| {scenario} | {goal}: {number(value)} | {result['reached'][goal]} |")
        details += [f"\n### {scenario}\n", f"{result['date']}, {result['machine']}, revision {result['revision']}; {result['form']}. "
                    f"[What it is](../bench/scenarios/{scenario}/README.md), [picture](../bench/scenarios/{scenario}/picture.svg).", *figures(scenario, result)]
    text = page.read_text()
    before, rest = text.split(BEGIN)
    page.write_text(before + BEGIN + "\n\n" + "\n".join(lines + details) + "\n\n" + END + rest.split(END)[1])


if __name__ == "__main__":
    main()
