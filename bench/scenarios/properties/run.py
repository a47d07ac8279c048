#!/usr/bin/env python3
"""How should properties be kept, and which codecs pay? Asks the engine itself (libchdb), in this process.

    bench/scenarios/properties/run.py [--rows 1000000] [--only properties|codecs] > result.json
"""
import argparse, ctypes, json, os, resource, shutil, statistics, sys, tempfile, time

LIBRARY = os.environ.get("MILLRACE_LIBCHDB", os.path.expanduser("~/.cache/millrace/chdb-26.7.3-stable.1/libchdb.so"))
BATCHES = 10  # inserts a table


class Engine:
    """One connection to the engine, with the merges stopped unless they are asked for."""

    def __init__(self, folder):
        self.library = library = ctypes.CDLL(LIBRARY)
        library.chdb_connect.restype = ctypes.POINTER(ctypes.c_void_p)
        library.chdb_query_n.restype = ctypes.c_void_p
        library.chdb_query_n.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]
        for name, kind in (("buffer", ctypes.c_void_p), ("length", ctypes.c_size_t), ("error", ctypes.c_char_p)):
            call = getattr(library, "chdb_result_" + name)
            call.restype, call.argtypes = kind, [ctypes.c_void_p]
        library.chdb_destroy_query_result.argtypes = [ctypes.c_void_p]
        library.chdb_set_signal_handlers_enabled(0)
        arguments = [b"chdb", b"--path=" + folder.encode()]
        self.connection = library.chdb_connect(len(arguments), (ctypes.c_char_p * len(arguments))(*arguments))
        self.run("CREATE DATABASE bench ENGINE = Atomic")

    def run(self, sql, format="TabSeparated"):
        text = sql.encode()
        answer = self.library.chdb_query_n(self.connection[0], text, len(text), format.encode(), len(format))
        error = self.library.chdb_result_error(answer)
        if error:
            raise RuntimeError(f"{error.decode()}\n  in: {sql[:300]}")
        size = self.library.chdb_result_length(answer)
        body = ctypes.string_at(self.library.chdb_result_buffer(answer), size).decode() if size else ""
        self.library.chdb_destroy_query_result(answer)
        return body.rstrip("\n")


def cpu():
    use = resource.getrusage(resource.RUSAGE_SELF)
    return use.ru_utime + use.ru_stime


# Events as performance.md describes them: 50 projects and 100,000 users by Zipf, 20 names, 5,000 paths, 2% late; the
# rows of one insert follow each other in one partition, 100 of them share a received time.
GENERATE = """
SELECT
  concat('project-', toString(toUInt32(pow(50, r1)) - 1)) AS project,
  concat('event_', toString(toUInt32(pow(20, r2)) - 1)) AS event,
  fromUnixTimestamp64Nano(received_ns - toInt64(if(r3 < 0.02, r4 * 600e9, r4 * 2e9)) DIV 1000000 * 1000000, 'UTC') AS time,
  fromUnixTimestamp64Nano(received_ns, 'UTC') AS received,
  fromUnixTimestamp64Nano(received_ns - toInt64(r4 * 5e7) DIV 1000000 * 1000000, 'UTC') AS sent,
  concat('u_', lower(hex(sipHash64(user)))) AS user_id,
  if(r6 < 0.3, concat('a_', lower(hex(sipHash64(user, 1)))), '') AS anonymous_id,
  concat('s_', lower(hex(sipHash64(user, n DIV 200000)))) AS session_id,
  toString(generateUUIDv4(n)) AS message_id,
  '{}' AS context,
  toUInt32(1) AS generation, toUInt16((n DIV %(batch)d) %% 4) AS partition, toUInt64(n) AS sequence, toUInt32(1) AS epoch,
  concat('/path/', toString(toUInt32(pow(5000, r7)) - 1), '/view') AS p_path,
  ['free', 'basic', 'pro', 'enterprise'][1 + toUInt32(r8 * 3.99)] AS p_plan,
  toInt64(exp(r9 * 10)) AS p_duration, round(exp(r10 * 6), 2) AS p_amount, r11 < 0.9 AS p_ok,
  concat('{"path":"', p_path, '","plan":"', p_plan, '","duration":', toString(p_duration), ',"amount":', toString(p_amount),
         ',"ok":', if(p_ok, 'true', 'false'), '}') AS properties
FROM (
  SELECT number AS n, toUInt32(pow(100000, randCanonical(5))) AS user,
    1780000000000000000 + toInt64(n DIV 100) * 1000000 AS received_ns,
    randCanonical(1) AS r1, randCanonical(2) AS r2, randCanonical(3) AS r3, randCanonical(4) AS r4, randCanonical(6) AS r6,
    randCanonical(7) AS r7, randCanonical(8) AS r8, randCanonical(9) AS r9, randCanonical(10) AS r10, randCanonical(11) AS r11
  FROM numbers(%(begin)d, %(batch)d))
"""

BASE = """project LowCardinality(String), event LowCardinality(String), time DateTime64(9, 'UTC'), received DateTime64(9, 'UTC'),
  sent DateTime64(9, 'UTC'), user_id String, anonymous_id String, session_id String, message_id String, context String,
  generation UInt32, partition UInt16, sequence UInt64, epoch UInt32"""
BASE_NAMES = ("project, event, time, received, sent, user_id, anonymous_id, session_id, message_id, context, generation, partition, "
              "sequence, epoch")
LAYOUT = "ENGINE = MergeTree PARTITION BY toYYYYMM(received) ORDER BY (project, event, time)"

TYPED = "p_path Nullable(String), p_duration Nullable(Int64)"
TYPED_FIVE = TYPED + ", p_plan Nullable(String), p_amount Nullable(Float64), p_ok Nullable(Bool)"
FROM_TEXT = ("p_path Nullable(String) DEFAULT JSONExtract(properties, 'path', 'Nullable(String)'), "
             "p_duration Nullable(Int64) DEFAULT JSONExtract(properties, 'duration', 'Nullable(Int64)')")

# name: columns, what is inserted, the string property, the numeric property
VARIANTS = {
    "without properties": ("one UInt8", "1 AS one", "event", "sequence"),
    "typed columns only": ("p_path String, p_plan LowCardinality(String), p_duration Int64, p_amount Float64, p_ok Bool",
                           "p_path, p_plan, p_duration, p_amount, p_ok", "p_path", "p_duration"),
    "a: String, LZ4": ("properties String", "properties", "JSONExtractString(properties, 'path')",
                       "JSONExtractInt(properties, 'duration')"),
    "a: String, ZSTD(1)": ("properties String CODEC(ZSTD(1))", "properties", "JSONExtractString(properties, 'path')",
                           "JSONExtractInt(properties, 'duration')"),
    "a: String, ZSTD(3)": ("properties String CODEC(ZSTD(3))", "properties", "JSONExtractString(properties, 'path')",
                           "JSONExtractInt(properties, 'duration')"),
    "b: JSON": ("properties JSON", "properties", "properties.path.:String", "properties.duration.:Int64"),
    "c: JSON, two typed paths": ("properties JSON(path String, duration Int64)", "properties", "properties.path", "properties.duration"),
    "d: String ZSTD(1) + two typed, filled by the insert": (f"properties String CODEC(ZSTD(1)), {TYPED}", "properties, p_path, p_duration",
                                                            "p_path", "p_duration"),
    "d: String ZSTD(1) + two typed, filled by DEFAULT": (f"properties String CODEC(ZSTD(1)), {FROM_TEXT}", "properties",
                                                         "p_path", "p_duration"),
    "d: String ZSTD(1) + five typed, filled by the insert": (f"properties String CODEC(ZSTD(1)), {TYPED_FIVE}",
                                                             "properties, p_path, p_duration, p_plan, p_amount, p_ok", "p_path", "p_duration"),
    "e: Map": ("properties Map(LowCardinality(String), String)", "MAP", "properties['path']", "toInt64OrNull(properties['duration'])"),
    "e: Map, with_buckets": ("properties Map(LowCardinality(String), String)", "MAP", "properties['path']",
                             "toInt64OrNull(properties['duration'])"),
}
SETTINGS = {"e: Map, with_buckets": " SETTINGS map_serialization_version = 'with_buckets', "
                                    "map_serialization_version_for_zero_level_parts = 'with_buckets'"}
MAP = ("map('path', p_path, 'plan', p_plan, 'duration', toString(p_duration), 'amount', toString(p_amount), 'ok', toString(p_ok))"
       "::Map(LowCardinality(String), String) AS properties")


def fill(engine, table, columns, files, names, settings):
    """CPU seconds of the inserts (of the columns named; the others take their default) and of one full merge; bytes on disk."""
    plain = ", ".join(name.split(" AS ")[-1].strip() for name in names.split(", "))
    engine.run(f"CREATE TABLE bench.{table} ({columns}) {LAYOUT}{settings}")
    engine.run(f"SYSTEM STOP MERGES bench.{table}")
    start = cpu()
    for file in files:
        engine.run(f"INSERT INTO bench.{table} ({plain}) SELECT {names} FROM file('{file}', Native)")
    inserted = cpu() - start
    engine.run(f"SYSTEM START MERGES bench.{table}")
    start = cpu()
    engine.run(f"OPTIMIZE TABLE bench.{table} FINAL")
    merged = cpu() - start
    size = int(engine.run(f"SELECT sum(bytes_on_disk) FROM system.parts WHERE database = 'bench' AND table = '{table}' AND active"))
    return inserted, merged, size


def milliseconds(engine, sql, times=5):
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        engine.run(sql)
        taken.append((time.perf_counter() - start) * 1000)
    return round(statistics.median(taken), 1)


def write_files(engine, folder, rows):
    files = []
    for batch in range(BATCHES):
        file = f"{folder}/batch-{batch}.native"
        select = GENERATE % {"begin": batch * (rows // BATCHES), "batch": rows // BATCHES}
        engine.run(f"SELECT *, {MAP.replace(' AS properties', ' AS as_map')} FROM ({select}) INTO OUTFILE '{file}' FORMAT Native")
        files.append(file)
    return files


def best(engine, repeats, *what):
    """The least of each figure over the repeats: other work on the machine only ever adds."""
    runs = []
    for repeat in range(repeats):
        if repeat:
            engine.run(f"DROP TABLE bench.{what[0]} SYNC")
        runs.append(fill(engine, *what))
    return tuple(min(figures) for figures in zip(*runs))


def measure_properties(engine, files, rows, repeats):
    results = []
    for number, (name, (columns, inserted, text, numeric)) in enumerate(VARIANTS.items()):
        names = BASE_NAMES + ", " + ("as_map AS properties" if inserted == "MAP" else inserted)
        table = f"t{number}"
        try:
            insert, merge, size = best(engine, repeats, table, f"{BASE}, {columns}", files, names, SETTINGS.get(name, ""))
        except RuntimeError as error:
            results.append({"kept as": name, "error": str(error).splitlines()[0][:200]})
            continue
        results.append({
            "kept as": name, "insert us/row": round(insert / rows * 1e6, 3), "merge us/row": round(merge / rows * 1e6, 3),
            "bytes/row": round(size / rows, 1),
            "group by string ms": milliseconds(engine, f"SELECT {text} AS k, count() FROM bench.{table} GROUP BY k ORDER BY 2 DESC LIMIT 10"),
            "sum number ms": milliseconds(engine, f"SELECT sum({numeric}) FROM bench.{table}"),
        })
        print(results[-1], file=sys.stderr)
        engine.run(f"DROP TABLE bench.{table} SYNC")
    return results


CODECS = {
    "time": ("DateTime64(9, 'UTC')", ["LZ4", "ZSTD(1)", "Delta, LZ4", "Delta, ZSTD(1)", "DoubleDelta, LZ4", "DoubleDelta, ZSTD(1)", "T64, ZSTD(1)"]),
    "received": ("DateTime64(9, 'UTC')", ["LZ4", "ZSTD(1)", "Delta, LZ4", "Delta, ZSTD(1)", "DoubleDelta, ZSTD(1)", "T64, ZSTD(1)"]),
    "sent": ("DateTime64(9, 'UTC')", ["LZ4", "ZSTD(1)", "Delta, ZSTD(1)"]),
    "sequence": ("UInt64", ["LZ4", "ZSTD(1)", "Delta, LZ4", "Delta, ZSTD(1)", "DoubleDelta, ZSTD(1)", "T64, ZSTD(1)"]),
    "user_id": ("String", ["LZ4", "ZSTD(1)", "ZSTD(3)"]),
    "session_id": ("String", ["LZ4", "ZSTD(1)"]),
    "message_id": ("String", ["LZ4", "ZSTD(1)", "NONE"]),
    "p_path": ("String", ["LZ4", "ZSTD(1)"]),
    "p_duration": ("Int64", ["LZ4", "ZSTD(1)", "T64, LZ4", "T64, ZSTD(1)"]),
    "context": ("String", ["LZ4", "ZSTD(1)"]),
}


def measure_codecs(engine, files, rows, repeats):
    key = "project LowCardinality(String), event LowCardinality(String), time DateTime64(9, 'UTC'), received DateTime64(9, 'UTC')"
    results = []
    bare, merged, _ = best(engine, repeats, "bare", key, files, "project, event, time, received", "")
    for column, (kind, codecs) in CODECS.items():
        for codec in codecs:
            names = f"project, event, time, received, materialize({column}) AS x"
            insert, merge, _ = best(engine, repeats, "c", f"{key}, x {kind} CODEC({codec})", files, names, "")
            size = int(engine.run("SELECT sum(column_bytes_on_disk) FROM system.parts_columns WHERE database = 'bench' AND table = 'c' "
                                  "AND active AND column = 'x'"))
            read = milliseconds(engine, "SELECT max(x) FROM bench.c" if kind != "String" else "SELECT sum(length(x)) FROM bench.c")
            engine.run("DROP TABLE bench.c SYNC")
            results.append({"column": column, "codec": codec, "insert us/row": round((insert - bare) / rows * 1e6, 3),
                            "merge us/row": round((merge - merged) / rows * 1e6, 3), "bytes/row": round(size / rows, 2), "read ms": read})
            print(results[-1], file=sys.stderr)
    return results


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--only", choices=["properties", "codecs"])
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="millrace-properties-")
    try:
        engine = Engine(folder + "/data")
        files = write_files(engine, folder, arguments.rows)
        result = {"engine": engine.run("SELECT version()"), "rows": arguments.rows, "inserts": BATCHES, "repeats": arguments.repeats, "cores": os.cpu_count()}
        if arguments.only != "codecs":
            result["properties"] = measure_properties(engine, files, arguments.rows, arguments.repeats)
        if arguments.only != "properties":
            result["codecs"] = measure_codecs(engine, files, arguments.rows, arguments.repeats)
        json.dump(result, sys.stdout, indent=1)
        sys.stdout.write("\n")
        sys.stdout.flush()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


if __name__ == "__main__":
    main()
