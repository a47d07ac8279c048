"""157,240 real events through HTTP; every figure that a separate program computed comes out of /v1/query."""

import json
import subprocess

import pytest

from millrace_server import BINARY, KEY, ROOT, Server, columns

DATA = ROOT / "tests/data/commits.ndjson.zst"
ANSWERS = json.loads((ROOT / "tests/data/commits.answers.json").read_text())
WHOLE = {"range": ["2012-01-01", "2027-01-01"], "limit": 10000}


def load(server):
    done = subprocess.run(
        [BINARY, "send", DATA, "--url", f"http://{server.address}", "--key", KEY, "--quiet"], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    server.wait_until_stored(120)


@pytest.fixture(scope="module", params=["loaded once", "loaded twice", "with properties declared, four partitions"])
def loaded(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("real")
    settings = {}
    if "declared" in request.param:
        file = folder / "millrace.toml"
        names = {"repo": "string", "extension": "string", "added": "integer", "deleted": "integer", "binary": "boolean"}
        file.write_text("".join(f'[[property]]\nname = "{n}"\ntype = "{t}"\n' for n, t in names.items()))
        settings = {"config": file, "stream_partitions": 4}
    with Server(folder / "data", **settings) as server:
        load(server)
        if "twice" in request.param:
            load(server)
        yield server


def test_counts(loaded):
    answer = loaded.query(measures=["count", "uniq(user_id)"], **WHOLE)
    assert columns(answer) == {"count": [ANSWERS["events"]], "uniq(user_id)": [ANSWERS["unique_users"]]}
    by_name = columns(loaded.query(measures=["count"], by=["event"], **WHOLE))
    assert dict(zip(by_name["event"], by_name["count"])) == ANSWERS["events_by_name"]


def test_unique_users_by_repository(loaded):
    answer = columns(loaded.query(measures=["uniq(user_id)"], by=["properties.repo"], **WHOLE))
    assert dict(zip(answer["properties.repo"], answer["uniq(user_id)"])) == ANSWERS["unique_users_by_repo"]


def test_top_extensions(loaded):
    answer = columns(
        loaded.query(
            measures=["count"], by=["properties.extension"], where=["=", "event", "file_changed"], order=["-count"], **{**WHOLE, "limit": 10}
        )
    )
    assert list(map(list, zip(answer["properties.extension"], answer["count"]))) == ANSWERS["file_changed_top10_extensions"]


def test_sums_by_repository(loaded):
    answer = columns(
        loaded.query(
            measures=["sum(properties.added)", "sum(properties.deleted)"],
            by=["properties.repo"],
            where=["=", "event", "file_changed"],
            **WHOLE,
        )
    )
    sums = {
        repo: [added, deleted]
        for repo, added, deleted in zip(answer["properties.repo"], answer["sum(properties.added)"], answer["sum(properties.deleted)"])
    }
    assert sums == ANSWERS["file_changed_sum_added_deleted_by_repo"]


def test_commits_by_month(loaded):
    import datetime

    answer = columns(
        loaded.query(
            measures=["count"],
            where=["and", ["=", "event", "commit"], ["=", "properties.repo", "timescale/timescaledb"]],
            range=["2024-01-01", "2025-01-01"],
            every="month",
        )
    )
    months = [datetime.datetime.fromtimestamp(t / 1000, datetime.timezone.utc).strftime("%Y-%m") for t in answer["time"]]
    assert dict(zip(months, answer["count"])) == ANSWERS["timescaledb_commits_per_month_2024_utc"]


def test_quantiles(loaded):
    wanted = ANSWERS["file_changed_added_quantiles_linear"]
    answer = columns(
        loaded.query(measures=[f"quantile({q}, properties.added)" for q in wanted], where=["=", "event", "file_changed"], **WHOLE)
    )
    for q, exact in wanted.items():
        assert answer[f"quantile({q}, properties.added)"][0] == pytest.approx(exact, rel=0.01)


def test_presence_and_booleans(loaded):
    changed = ["=", "event", "file_changed"]
    present = loaded.query(measures=["count"], where=["and", changed, ["exists", "properties.added"]], **WHOLE)
    assert columns(present)["count"] == [ANSWERS["file_changed_added_present"]]
    binary = loaded.query(measures=["count"], where=["and", changed, ["=", "properties.binary", True]], **WHOLE)
    assert columns(binary)["count"] == [ANSWERS["file_changed_binary_true"]]


def test_an_absent_property_is_a_row_of_its_own(loaded):
    answer = columns(
        loaded.query(measures=["count"], by=["properties.extension"], where=["=", "event", "commit"], **WHOLE)
    )
    assert answer == {"properties.extension": [None], "count": [ANSWERS["events_by_name"]["commit"]]}


def test_top_committers(loaded):
    answer = columns(
        loaded.query(measures=["count"], by=["user_id"], where=["=", "event", "commit"], order=["-count"], **{**WHOLE, "limit": 5})
    )
    assert list(map(list, zip(answer["user_id"], answer["count"]))) == ANSWERS["top5_committers"]


def test_unique_users_by_day(loaded):
    import datetime

    answer = columns(
        loaded.query(measures=["uniq(user_id)"], range=["2025-03-01", "2025-04-01"], every="day", time_zone="UTC")
    )
    days = [datetime.datetime.fromtimestamp(t / 1000, datetime.timezone.utc).strftime("%Y-%m-%d") for t in answer["time"]]
    assert len(days) == 31  # an empty day is shown, as 0; the file of answers leaves it out
    assert {day: n for day, n in zip(days, answer["uniq(user_id)"]) if n > 0} == ANSWERS["unique_users_per_day_2025_03"]


def test_first_and_last(loaded):
    events = loaded.json("GET", "/v1/schema")["events"]
    assert min(e["first"] for e in events).startswith(ANSWERS["first_timestamp"][:19])
    assert max(e["last"] for e in events).startswith(ANSWERS["last_timestamp"][:19])
