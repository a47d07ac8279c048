#!/usr/bin/env python3
"""B5: keeping aggregates up to date. See README.md."""

import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from measure import BIN, Cpu, arguments, medians, runs_of, scratch, table, take_turns, write_result  # noqa: E402
from peers import Engine, Postgres, Redis  # noqa: E402
from picture import bars  # noqa: E402

MINUTE = 60_000
OURS = "Millrace, ids and views"


def read(file):
    """Rows of the events that aggregate_events writes: milliseconds, name, user, path, duration, id."""
    with open(file) as lines:
        return [line.rstrip("\n").split("\t") for line in lines]


def minutes_of(rows):
    """What everybody's counts are compared with: events by minute and name."""
    counts = {}
    for time, event, *_ in rows:
        key = (int(time) // MINUTE, event)
        counts[key] = counts.get(key, 0) + 1
    return counts


def millrace(file, options):
    def case(_):
        done = subprocess.run([BIN / "aggregate_events", str(options.events), str(options.seconds), *([] if file.exists() else [file])],
                              check=True, capture_output=True, text=True)  # fmt: skip
        return [json.loads(line) for line in done.stdout.splitlines()]

    return case


def rate(name, used_us, events, **more):
    return {"case": name, "ns_per_event": round(used_us * 1000, 1), "events_per_core_s": round(1e6 / used_us), "events": events, **more}


def engine(folder, file):
    """Materialized views over a table that keeps nothing. The events lie in a table of the engine's own already, so that nothing is read from
    outside; what that reading costs is measured by itself and taken off."""
    columns = "time DateTime64(3, 'UTC'), event LowCardinality(String), user String, path LowCardinality(String), duration Float64, id UInt64"
    views = {
        "minutes": ("AggregatingMergeTree ORDER BY (at, event)",
                    "toStartOfMinute(time) AS at, event, countState() AS n, sumState(duration) AS s, minState(duration) AS least, maxState(duration) AS most", "at, event"),
        "people": ("AggregatingMergeTree ORDER BY (at, event)",
                   "toStartOfInterval(time, INTERVAL 15 MINUTE) AS at, event, uniqCombinedState(12)(user) AS u, quantilesTDigestState(0.5, 0.95, 0.99)(duration) AS q", "at, event"),
        "paths": ("AggregatingMergeTree ORDER BY at", "toStartOfInterval(time, INTERVAL 15 MINUTE) AS at, topKState(10)(path) AS t", "at"),
    }  # fmt: skip

    def case(number):
        rows = read(file)
        with Engine(folder / f"engine-{number}") as server:
            server.query("CREATE DATABASE peer")
            server.query(f"CREATE TABLE peer.kept ({columns}) ENGINE = MergeTree ORDER BY tuple()")
            body = "".join(f"{int(time) / 1000:.3f}\t{event}\t{user}\t{path}\t{duration}\t{id}\n" for time, event, user, path, duration, id in rows)
            server.query("INSERT INTO peer.kept FORMAT TabSeparated", body.encode())
            server.query("OPTIMIZE TABLE peer.kept FINAL")
            server.query(f"CREATE TABLE peer.nothing ({columns}) ENGINE = Null")
            # 100,000 rows a block, as batches of a stream processor are.
            settings = {"max_threads": 1, "max_insert_threads": 1, "max_block_size": 100_000, "min_insert_block_size_rows": 100_000}
            server.query("INSERT INTO peer.nothing SELECT * FROM peer.kept", **settings)
            plain = Cpu(server=server.pid)
            server.query("INSERT INTO peer.nothing SELECT * FROM peer.kept", **settings)
            off = plain.us_per(len(rows))["server_cpu_us_per_event"]
            for name, (kind, select, group) in views.items():
                server.query(f"CREATE MATERIALIZED VIEW peer.{name} ENGINE = {kind} AS SELECT {select} FROM peer.nothing GROUP BY {group}")
            used = Cpu(server=server.pid)
            server.query("INSERT INTO peer.nothing SELECT * FROM peer.kept", **settings)
            spent = used.us_per(len(rows))["server_cpu_us_per_event"]
            found = server.query("SELECT toUnixTimestamp(at), event, countMerge(n) FROM peer.minutes GROUP BY at, event FORMAT TabSeparated").decode()
            counts = {(int(at) * 1000 // MINUTE, event): int(n) for at, event, n in (line.split("\t") for line in found.splitlines())}
            assert counts == minutes_of(rows), "the engine's counts are not those of the events"
            return rate("engine, materialized views", max(spent - off, 1e-3), len(rows), with_reading_us_per_event=spent)

    return case


def redis(folder, file):
    """HINCRBY of the minute's hash, PFADD of the quarter's users, as an application sends them: in one pipeline. Nothing is written to disk."""

    def case(number):
        rows = read(file)
        with Redis(folder / f"redis-{number}", fsync="no") as server:
            server.cli("CONFIG", "SET", "appendonly", "no")
            commands = folder / "commands"
            with open(commands, "w") as out:
                for time, event, user, *_ in rows:
                    at = int(time)
                    for words in (("HINCRBY", f"m:{at // MINUTE}", event, "1"), ("PFADD", f"u:{at // (15 * MINUTE)}:{event}", user)):
                        out.write(f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in words))
            used = Cpu(server=server.pid)
            with open(commands) as given:
                said = subprocess.run(["redis-cli", "-s", server.socket, "--pipe"], stdin=given, check=True, capture_output=True, text=True).stdout
            assert "errors: 0" in said, said
            spent = used.us_per(len(rows))["server_cpu_us_per_event"]
            counts = {}
            for minute in {minute for minute, _ in minutes_of(rows)}:
                answer = server.cli("HGETALL", f"m:{minute}").split("\n")
                counts.update({(minute, event): int(n) for event, n in zip(answer[::2], answer[1::2])})
            assert counts == minutes_of(rows), "Redis' counts are not those of the events"
            return rate("Redis, HINCRBY and PFADD", spent, len(rows))

    return case


def postgres(folder, file, events):
    """1,000 events a transaction: ids that are new (INSERT … ON CONFLICT DO NOTHING), and their counts by minute and name (… DO UPDATE). The events
    lie in a table of its own already. It has no uniques, quantiles or most frequent paths to keep up to date."""

    def case(number):
        rows = read(file)[:events]
        with Postgres(folder / f"postgres-{number}") as server:
            server.sql("CREATE UNLOGGED TABLE kept (n bigint PRIMARY KEY, at bigint, event text, usr text, path text, duration float8, id bigint)")
            given = folder / "kept.tsv"
            given.write_text("".join("\t".join([str(n), *row]) + "\n" for n, row in enumerate(rows)))
            given.chmod(0o644)
            server.sql(f"COPY kept FROM '{given}'")
            server.sql("ANALYZE kept")
            server.sql("CREATE TABLE ids (id bigint PRIMARY KEY)")
            server.sql("CREATE TABLE minutes (at bigint, event text, n bigint, s float8, least float8, most float8, PRIMARY KEY (at, event)) WITH (fillfactor = 50)")
            server.sql(f"""CREATE PROCEDURE fold() LANGUAGE plpgsql AS $$ BEGIN
                FOR i IN 0..{(len(rows) - 1) // 1000} LOOP
                  WITH new AS MATERIALIZED (INSERT INTO ids SELECT id FROM kept WHERE n >= i * 1000 AND n < (i + 1) * 1000 ON CONFLICT DO NOTHING RETURNING id)
                  INSERT INTO minutes SELECT at / {MINUTE}, event, count(*), sum(duration), min(duration), max(duration)
                    FROM (SELECT DISTINCT ON (id) * FROM kept WHERE n >= i * 1000 AND n < (i + 1) * 1000) AS batch JOIN new USING (id) GROUP BY 1, 2 ORDER BY 1, 2
                  ON CONFLICT (at, event) DO UPDATE SET n = minutes.n + excluded.n, s = minutes.s + excluded.s,
                    least = least(minutes.least, excluded.least), most = greatest(minutes.most, excluded.most);
                  COMMIT;
                END LOOP; END $$""")
            used = Cpu(server=server.pid)
            server.sql("CALL fold()")
            spent = used.us_per(len(rows))["server_cpu_us_per_event"]
            unique = list({row[5]: row for row in rows}.values())
            found = server.sql("SELECT at, event, n FROM minutes")
            counts = {(int(at), event): int(n) for at, event, n in (line.split("|") for line in found.splitlines())}
            assert counts == minutes_of(unique), "PostgreSQL's counts are not those of the events"
            return rate("PostgreSQL, upserts (ids and counts)", spent, len(rows))

    return case


def main():
    options = arguments(__doc__, events=(1_000_000, 100_000), seconds=(2.0, 0.5), runs=(3, 1), postgres_events=(200_000, 50_000))
    with scratch("b5") as folder:
        file = folder / "events.tsv"
        cases = {"millrace": millrace(file, options), "engine": engine(folder, file), "redis": redis(folder, file), "postgres": postgres(folder, file, options.postgres_events)}
        rows = take_turns(options.runs, cases, options.only)
    found = medians(rows, "ns_per_event")
    table("CPU of an event", ["", "ns", "events a core second"], [[name, value["median"], round(1e9 / value["median"])] for name, value in found.items()])
    if options.only or options.keep_result:
        return
    compared = [row for row in rows if row["case"] == "Millrace, compared"]
    off = {name: max(row[name] for row in compared) for name in ("uniq_off_most", "quantile_off_most")}
    goal = {"events a core second": 2_000_000, "counts exact": 1, "quantiles off by, at most": 0.01, "uniques off by, at most": 0.02}
    reached = {"events a core second": round(1e9 / found[OURS]["median"] / 2_000_000, 3), "counts exact": 1,  # the program ends with an error when they are not
               "quantiles off by, at most": round(0.01 / max(off["quantile_off_most"], 1e-9), 3), "uniques off by, at most": round(0.02 / max(off["uniq_off_most"], 1e-9), 3)}  # fmt: skip
    print(f"off by at most: {off}\nof the goal: {reached}")
    write_result("b5-aggregate", rows, goal, reached, f"{'quick' if options.quick else 'full'}: {options.events:,} events, {runs_of(rows)} run(s)",
                 bars("B5: repeats dropped, windows of minutes, uniques, quantiles, most frequent", {"CPU of an event": found}, "nanoseconds: less is better", logarithmic=True))  # fmt: skip


if __name__ == "__main__":
    main()
