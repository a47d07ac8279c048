#!/usr/bin/env python3
"""B1: eight counters an action, three of them hot, as clients grow. See README.md."""

import pathlib
import random
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from measure import Cpu, arguments, device_written_bytes, medians, runs_of, scratch, spread, table, take_turns, write_result  # noqa: E402
from millrace_server import KEY, Server, columns  # noqa: E402
from peers import Postgres, Redis, post  # noqa: E402
from picture import curves  # noqa: E402

ENTITIES, KINDS, SLOTS = 1000, 10, 100
SIZES = {1: "Millrace, one by one", 100: "Millrace, 100 a request", 1000: "Millrace, 1,000 a request"}
UPDATES, ONE, SPREAD = "PostgreSQL, 8 UPDATEs", "PostgreSQL, one statement", "PostgreSQL, 100 slots"
ROWS, COLUMNS = "PostgreSQL, 1,000 a batch, rows", "PostgreSQL, 1,000 a batch, columns"

VIEWS = """
[[views]]
name = "entities"
by = ["properties.entity"]
grain = "15_minutes"
measures = ["count", "sum(properties.views)", "sum(properties.seconds)", "sum(properties.bytes)"]
[[views]]
name = "kinds"
by = ["properties.kind"]
grain = "15_minutes"
measures = ["count"]
[[views]]
name = "hot"
grain = "15_minutes"
measures = ["count", "sum(properties.seconds)", "sum(properties.bytes)"]
"""


# ---- Millrace ----


def bodies(path, actions):
    """Ready-made bodies; post_load writes a rising number for 19 @ in each."""
    chance = random.Random(1)
    with open(path, "w") as file:
        for _ in range(max(16, 8192 // actions)):
            body = "".join(
                f'{{"event":"action","user_id":"u{chance.randrange(100_000)}","message_id":"{"@" * 19}","properties":{{"entity":"e{chance.randrange(ENTITIES)}",'
                f'"kind":"k{chance.randrange(KINDS)}","views":1,"seconds":{chance.randrange(100)},"bytes":{chance.randrange(10_000)}}}}}\n'
                for _ in range(actions)
            )
            file.write(f"{len(body)}\n{body}")
    return path


def totals(server):
    """The eight counters out of the views, each added up."""
    found = {}
    for view in ("entities", "kinds", "hot"):
        answer = columns(server.json("GET", f"/v1/views/{view}"))
        found.update({f"{view} {name}": sum(values) for name, values in answer.items() if name == "count" or name.startswith("sum(")})
    return found


def recount(server):
    answer = columns(server.query(measures=["count", "sum(properties.views)", "sum(properties.seconds)", "sum(properties.bytes)"], range="24h"))
    return {name: values[0] for name, values in answer.items()}


def millrace(folder, size, clients, seconds):
    def case(run):
        config = folder / "millrace.toml"
        config.write_text(VIEWS)
        file = bodies(folder / f"actions-{size}", size)
        with Server(folder / f"millrace-{run}-{size}-{clients}", config=config, log_level="warning") as server:
            server.wait_until_open()
            written, cpu = device_written_bytes(folder), Cpu(server=server.process.pid)
            found = post(server.address.rpartition(":")[2], "/v1/events", file, size, clients, seconds, f"Authorization: Bearer {KEY}", "Content-Type: application/x-ndjson")
            accepted = found["accepted"]
            server.wait_until_stored(300)
            used = cpu.us_per(accepted)
            written = device_written_bytes(folder) - written
            views, store = totals(server), recount(server)
            assert {views[f"{view} count"] for view in ("entities", "kinds", "hot")} == {store["count"]} == {accepted}, f"{accepted} acknowledged; {views}; {store}"
            for name in ("seconds", "bytes"):
                assert views[f"hot sum(properties.{name})"] == views[f"entities sum(properties.{name})"] == store[f"sum(properties.{name})"], (views, store)
            assert views["entities sum(properties.views)"] == accepted, views
            log = server.metrics()["millrace_stream_written_bytes_total"]
            return {"case": SIZES[size], "clients": clients, "actions_per_s": found["events_per_s"], "p99_us": found["p99_us"], "cpu_us_per_action": used["server_cpu_us_per_event"],
                    "accepted": accepted, "refused": found["refused"], "counted": store["count"], "log_bytes_per_action": round(log / accepted, 1),
                    "device_bytes_per_action": round(written / accepted, 1)}  # fmt: skip

    return case


# ---- PostgreSQL ----

EIGHT = [*(f":e * 4 + {n}" for n in range(4)), "10000 + :k", "20000", "20001", "20002"]
SLOTTED = [*EIGHT[:4], f"40000 + :k * {SLOTS} + :s", *(f"{30000 + hot * SLOTS} + :s" for hot in range(3))]
CHANCES = f"\\set e random(0, {ENTITIES - 1})\n\\set k random(0, {KINDS - 1})\n\\set s random(0, {SLOTS - 1})\n"


def one_statement(ids):
    return (f"WITH mine AS MATERIALIZED (SELECT id FROM counters WHERE id IN ({', '.join(ids)}) ORDER BY id FOR UPDATE) "
            "UPDATE counters SET n = n + 1 FROM mine WHERE counters.id = mine.id;\n")  # fmt: skip


def batches(folder, kind):
    """Scripts that each apply 1,000 actions, given as arrays, in one statement."""
    chance, paths = random.Random(2), []
    for number in range(32):
        entities = ",".join(str(chance.randrange(ENTITIES)) for _ in range(1000))
        kinds = ",".join(str(chance.randrange(KINDS)) for _ in range(1000))
        actions = f"WITH actions AS MATERIALIZED (SELECT unnest(ARRAY[{entities}]) AS e, unnest(ARRAY[{kinds}]) AS k)"
        if kind == "rows":
            text = (f"{actions}, sums AS MATERIALIZED (SELECT e * 4 + part AS id, count(*) AS n FROM actions, generate_series(0, 3) AS part GROUP BY 1 "
                    "UNION ALL SELECT 10000 + k, count(*) FROM actions GROUP BY 1 UNION ALL SELECT 20000 + hot, count(*) FROM actions, generate_series(0, 2) AS hot GROUP BY 1), "
                    "mine AS MATERIALIZED (SELECT id FROM counters WHERE id IN (SELECT id FROM sums) ORDER BY id FOR UPDATE) "
                    "UPDATE counters SET n = counters.n + sums.n FROM sums, mine WHERE counters.id = mine.id AND sums.id = mine.id;\n")  # fmt: skip
        else:
            # Entities first, the row that everybody needs last.
            text = (f"BEGIN;\n{actions}, sums AS MATERIALIZED (SELECT e AS id, count(*) AS n FROM actions GROUP BY 1), "
                    "mine AS MATERIALIZED (SELECT id FROM entities WHERE id IN (SELECT id FROM sums) ORDER BY id FOR UPDATE) "
                    "UPDATE entities SET a = a + n, b = b + n, c = c + n, d = d + n FROM sums, mine WHERE entities.id = mine.id AND sums.id = mine.id;\n"
                    f"WITH sums AS MATERIALIZED (SELECT k AS id, count(*) AS n FROM unnest(ARRAY[{kinds}]) AS k GROUP BY 1), "
                    "mine AS MATERIALIZED (SELECT id FROM kinds WHERE id IN (SELECT id FROM sums) ORDER BY id FOR UPDATE) "
                    "UPDATE kinds SET n = kinds.n + sums.n FROM sums, mine WHERE kinds.id = mine.id AND sums.id = mine.id;\n"
                    "UPDATE hot SET a = a + 1000, b = b + 1000, c = c + 1000;\nEND;\n")  # fmt: skip
        path = folder / f"batch-{kind}-{number}.sql"
        path.write_text(text)
        paths.append(path)
    return paths


def scripts(folder):
    updates = "BEGIN;\n" + "".join(f"UPDATE counters SET n = n + 1 WHERE id = {one};\n" for one in EIGHT) + "END;\n"
    found = {}
    for name, text in ((UPDATES, updates), (ONE, one_statement(EIGHT)), (SPREAD, one_statement(SLOTTED))):
        path = folder / f"script-{len(found)}.sql"
        path.write_text(CHANCES + text)
        found[name] = ([path], 1)
    return {**found, ROWS: (batches(folder, "rows"), 1000), COLUMNS: (batches(folder, "columns"), 1000)}


def make_counters(server):
    server.sql("DROP TABLE IF EXISTS counters, entities, kinds, hot")
    # Half of each page is left free, so that an update finds room beside the row and needs no new index entry.
    server.sql("CREATE TABLE counters (id int PRIMARY KEY, n bigint NOT NULL) WITH (fillfactor = 50)")
    server.sql(f"INSERT INTO counters SELECT n, 0 FROM generate_series(0, {ENTITIES * 4 - 1}) AS n UNION ALL SELECT 10000 + n, 0 FROM generate_series(0, {KINDS - 1}) AS n "
               f"UNION ALL SELECT 20000 + n, 0 FROM generate_series(0, 2) AS n UNION ALL SELECT 30000 + n, 0 FROM generate_series(0, {3 * SLOTS - 1}) AS n "
               f"UNION ALL SELECT 40000 + n, 0 FROM generate_series(0, {KINDS * SLOTS - 1}) AS n")  # fmt: skip
    zero = "bigint NOT NULL DEFAULT 0"
    server.sql(f"CREATE TABLE entities (id int PRIMARY KEY, a {zero}, b {zero}, c {zero}, d {zero}) WITH (fillfactor = 50)")
    server.sql(f"INSERT INTO entities SELECT n FROM generate_series(0, {ENTITIES - 1}) AS n")
    server.sql(f"CREATE TABLE kinds (id int PRIMARY KEY, n {zero}) WITH (fillfactor = 50)")
    server.sql(f"INSERT INTO kinds SELECT n FROM generate_series(0, {KINDS - 1}) AS n")
    server.sql(f"CREATE TABLE hot (id int PRIMARY KEY, a {zero}, b {zero}, c {zero}) WITH (fillfactor = 50)")
    server.sql("INSERT INTO hot VALUES (1)")
    server.sql("VACUUM ANALYZE")
    server.sql("CHECKPOINT")


SUM = ("SELECT (SELECT sum(n) FROM counters) + (SELECT sum(a + b + c + d) FROM entities) + (SELECT sum(n) FROM kinds) + (SELECT sum(a + b + c) FROM hot)")


def postgres(folder, clients, seconds, only):
    def case(run):
        rows = []
        with Postgres(folder / f"postgres-{run}") as server:
            for name, (paths, actions) in scripts(folder).items():
                if only and only not in name.lower():
                    continue
                for count in clients:
                    if actions > 1 and count > 64:
                        continue  # it is past its best, and each of its transactions takes seconds
                    make_counters(server)
                    lsn, written, cpu = server.sql("SELECT pg_current_wal_lsn()"), device_written_bytes(folder), Cpu(server=server.pid)
                    text = subprocess.run(
                        [server.bin / "pgbench", "-h", server.folder, "-U", "postgres", "-n", "-M", "prepared", *(part for path in paths for part in ("-f", path)), "-c", str(count),
                         "-j", str(min(count, 2)), "-T", str(max(1, round(seconds))), "postgres"], check=True, capture_output=True, text=True).stdout  # fmt: skip
                    done = int(re.search(r"transactions actually processed: (\d+)", text)[1]) * actions
                    # Processes of connections that are closed are gone from the tree, but their CPU time and writes are their parent's.
                    used = cpu.us_per(done)["server_cpu_us_per_event"]
                    wal = int(server.sql(f"SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '{lsn}')"))
                    server.sql("CHECKPOINT")
                    counted = int(server.sql(SUM))
                    assert counted == 8 * done, f"{name}, {count} clients: {done} actions, {counted} counted"
                    rows.append({"case": name, "clients": count, "actions_per_s": round(float(re.search(r"tps = ([\d.]+)", text)[1]) * actions),
                                 "mean_us": round(float(re.search(r"latency average = ([\d.]+)", text)[1]) * 1000), "cpu_us_per_action": used, "accepted": done,
                                 "counted": counted // 8, "wal_bytes_per_action": round(wal / done, 1),
                                 "device_bytes_per_action": round((device_written_bytes(folder) - written) / done, 1)})  # fmt: skip
        return rows

    return case


# ---- Redis ----


def redis(folder, clients, seconds):
    def case(run):
        rows = []
        with Redis(folder / f"redis-{run}") as server:
            for actions, name in ((1, "Redis, 8 HINCRBY"), (100, "Redis, 100 actions a pipeline")):
                for count in clients:
                    pipeline = 8 * actions

                    def run_for(commands, pipeline=pipeline, count=count):
                        """Commands a second. A guess first, then as many as fit into the time."""
                        server.cli("FLUSHALL")
                        commands = max(int(commands) // (pipeline * count), 1) * pipeline * count
                        text = subprocess.run(["redis-benchmark", "-s", server.socket, "-c", str(count), "-P", str(pipeline), "-n", str(commands), "-r", str(ENTITIES), "--precision", "3",
                                               "HINCRBY", "counters", "e:__rand_int__", "1"], check=True, capture_output=True, text=True).stdout  # fmt: skip
                        counted = int(server.cli("EVAL", "local s = 0 for _, v in ipairs(redis.call('HVALS', 'counters')) do s = s + v end return s", "0"))
                        assert counted == commands, f"{counted} of {commands}"
                        return float(re.search(r"throughput summary: ([\d.]+)", text)[1]), commands

                    guess, _ = run_for((20 if actions == 1 else 2) * pipeline * count)
                    rate, commands = run_for(guess * seconds)
                    rows.append({"case": name, "clients": count, "actions_per_s": round(rate / 8), "accepted": commands // 8, "counted": commands // 8})
        return rows

    return case


def main():
    options = arguments(__doc__, seconds=(2.0, 1.0), runs=(3, 1), clients=("1,8,64,128", "8,64"))
    clients = [int(one) for one in options.clients.split(",")]
    with scratch("b1") as folder:
        cases = {f"millrace-{size}-{count}": millrace(folder, size, count, options.seconds) for size in SIZES for count in clients}
        cases["postgres"] = postgres(folder, clients, options.seconds, "")
        cases["redis"] = redis(folder, clients, options.seconds)
        rows = take_turns(options.runs, cases, options.only)

    def of(name, count, value="actions_per_s"):
        return spread([row.get(value) for row in rows if (row["case"], row["clients"]) == (name, count)])

    names = list(dict.fromkeys(row["case"] for row in rows))
    table("actions/s (median)", ["", *[f"{count} clients" for count in clients]], [[name, *[(of(name, count) or {}).get("median") for count in clients]] for name in names])
    if options.only or options.keep_result:
        return

    def best(some):
        return max(of(name, count)["median"] for name in some for count in clients if of(name, count))

    one = of(SIZES[1], 64)["median"]
    batch = best([SIZES[100], SIZES[1000]])
    singles, gathered = best([UPDATES, ONE, SPREAD]), best([ROWS, COLUMNS])
    wal = medians([row for row in rows if row["clients"] == 64], "wal_bytes_per_action")[UPDATES]["median"]
    # Of many actions: what a server writes ahead at its start is much for few.
    written = medians([row for row in rows if row["clients"] == 64], "device_bytes_per_action")[SIZES[1000]]["median"]
    most, last = best([SIZES[1]]), of(SIZES[1], clients[-1])["median"]
    goal = {"one by one, 64 clients, times PostgreSQL's 8 UPDATEs": 100, "in batches, times PostgreSQL's best one by one": 150, "in batches, times PostgreSQL's best in batches": 150,
            "bytes to disk, of PostgreSQL's WAL, at most": 0.2, "most clients, of the most": 0.95}  # fmt: skip
    reached = {"one by one, 64 clients, times PostgreSQL's 8 UPDATEs": one / of(UPDATES, 64)["median"] / 100, "in batches, times PostgreSQL's best one by one": batch / singles / 150,
               "in batches, times PostgreSQL's best in batches": batch / gathered / 150, "bytes to disk, of PostgreSQL's WAL, at most": 0.2 / (written / wal),
               "most clients, of the most": last / most / 0.95}  # fmt: skip
    reached = {key: round(value, 3) for key, value in reached.items()}
    falls = of(UPDATES, clients[-1])["median"] / best([UPDATES])
    print(f"one by one {one / of(UPDATES, 64)['median']:.1f} times 8 UPDATEs; in batches {batch / singles:.1f} times its best one by one, {batch / gathered:.2f} times its batches; "
          f"bytes {written:.0f} against a WAL of {wal:.0f}; with {clients[-1]} clients {last / most:.2f} of the most, PostgreSQL's 8 UPDATEs {falls:.2f}\nof the goal: {reached}")  # fmt: skip
    series = {name: [(count, of(name, count)) for count in clients if of(name, count)] for name in names}
    write_result("b1-incident", rows, goal, reached, f"{'quick' if options.quick else 'full'}: {options.seconds:g} s for each case, {runs_of(rows)} run(s)",
                 curves("B1: eight counters an action, three of them hot, durable", series, "clients", "actions a second"))  # fmt: skip


if __name__ == "__main__":
    main()
