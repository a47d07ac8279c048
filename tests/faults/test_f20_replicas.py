"""F20: replicas of a ClickHouse cluster go while they are written to, and what they were sent takes effect when another has the partition."""

import ssl
import subprocess
import time

import pytest

from cluster import Cluster, PASSWORD, USER
from millrace_server import columns
from watch import Pace


@pytest.fixture
def cluster(tmp_path):
    cluster = Cluster(tmp_path / "cluster")
    yield cluster
    cluster.close()


def wait_until(what, wanted, seconds=60):
    deadline = time.monotonic() + seconds
    while not (found := wanted()):
        assert time.monotonic() < deadline, what
        time.sleep(0.05)  # polling
    return found


def ids_of(cluster):
    """message_id → how many rows, of all shards."""
    counts = {}
    for lines in cluster.rows("message_id, count()", "event = 'tick' GROUP BY message_id"):
        for line in lines.splitlines():
            one, count = line.split("\t")
            counts[one] = counts.get(one, 0) + int(count)
    return counts


def trouble_of(server):
    """Why the store can't be opened."""
    return wait_until("it is opened", lambda: (reason := server.health()["store"]["reason"]) != "starting" and reason)


def visible(server):
    return columns(server.query(measures=["count"], range="24h"))["count"][0]


def test_every_event_is_stored_once_though_replicas_go_and_come_back(tmp_path, start, long, figures, cluster):
    server = start(**cluster.settings(), stream_partitions=4, process_batch_age="20ms")
    server.wait_until_open()
    rounds, strays = (10 if long else 2), 0
    with Pace(server, batches_per_second=40, events=10) as pace:
        for number in range(rounds):
            shard = number % 2 + 1
            first, second = cluster.of(shard)
            # The one that is written to is found by its inserts: an insert is on its way to it, and then it goes.
            before = (first.inserts, second.inserts)
            home = wait_until("nobody inserts", lambda: next(
                (one for one, was in zip((first, second), before) if one.inserts > was), None))
            other = second if home is first else first
            home.keeps_back = True
            wait_until("no insert is on its way", lambda: home.kept)
            home.cut()
            at = other.inserts
            wait_until("the partition is not written elsewhere", lambda: other.inserts > at + 3)
            strays += home.let_go()  # at a server that nobody reaches, but that is alive
            home.open()
    server.wait_until_stored(120)
    assert strays > 0
    seen = visible(server)
    assert pace.acknowledged <= set(ids_of(cluster)), "lost"
    server.stop()
    server.start()  # its owners sweep what came late
    server.wait_until_stored(120)
    counts = ids_of(cluster)
    assert set(counts.values()) == {1}, "stored twice"
    assert pace.acknowledged <= set(counts) <= pace.sent
    assert seen == len(counts), "what came late was counted"
    figures(rounds=rounds, late_inserts=strays, events=len(counts))
    server.stop()


def test_partition_lies_in_one_shard_and_questions_see_all(tmp_path, start, cluster):
    server = start(**cluster.settings(), stream_partitions=4)
    server.wait_until_open()
    server.send([{"event": "e", "user_id": f"u{i}", "properties": {"price": i, "kind": f"k{i % 3}"}} for i in range(1000)])
    server.wait_until_stored(60)
    assert [lines.split() for lines in cluster.rows("DISTINCT `partition` AS p", "1 ORDER BY p")] == [["0", "2"], ["1", "3"]]
    answer = columns(server.query(measures=["count", "sum(properties.price)", "uniq(user_id)"], by=["properties.kind"], range="24h"))
    for kind, count, price, users in zip(*answer.values()):
        mine = range(int(kind[1]), 1000, 3)
        assert (count, price, users) == (len(mine), sum(mine), len(mine))
    server.stop()


def test_server_starts_and_stores_with_a_replica_of_each_shard_away(tmp_path, start, cluster):
    server = start(**cluster.settings(), stream_partitions=4)
    server.wait_until_open()
    server.send([{"event": "e", "user_id": f"u{i}"} for i in range(100)])
    server.wait_until_stored(60)
    server.stop()
    for shard in (1, 2):
        cluster.of(shard)[0].cut()
        cluster.of(shard)[1].behind = True  # and the other lags behind: what it lacks is no reason to wait
    server.start()
    server.wait_until_open()
    server.send([{"event": "e", "user_id": f"u{i}"} for i in range(100)])
    server.wait_until_stored(60)
    assert visible(server) == 200
    server.stop()


def test_whole_shard_away_stops_its_partitions_alone(tmp_path, start, cluster):
    server = start(**cluster.settings(), stream_partitions=4)
    server.wait_until_open()
    server.send([{"event": "e", "user_id": f"u{i}"} for i in range(100)])
    server.wait_until_stored(60)
    before = int(cluster.rows("count()")[1])
    for replica in cluster.of(1):
        replica.cut()
    server.send([{"event": "e", "user_id": f"u{i}"} for i in range(100)])
    wait_until("the other shard is not written", lambda: int(cluster.rows("count()")[1]) > before)
    for replica in cluster.of(1):
        replica.open()
    server.wait_until_stored(120)
    assert visible(server) == 200
    server.stop()


def test_one_server_is_spoken_to_by_tls_with_user_and_database(tmp_path, start, cluster):
    pem = tmp_path / "pem.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=store", "-addext",
                    "subjectAltName=IP:127.0.0.1", "-keyout", pem, "-out", tmp_path / "certificate.pem"], check=True, capture_output=True)
    pem.write_text(pem.read_text() + (tmp_path / "certificate.pem").read_text())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    way = cluster.replicas[0]
    way.cut()
    way.open(context)
    url = f"https://{{}}@127.0.0.1:{way.port}/by_tls"
    right = url.format(f"{USER}:secret%2C1")
    assert PASSWORD == "secret,1"
    strange = start("strange", store_url=right)  # nobody has told it whom to trust
    assert "no TLS" in trouble_of(strange)
    strange.kill()
    trusted = {"SSL_CERT_FILE": str(tmp_path / "certificate.pem")}
    wrong = start("wrong", environment=trusted, store_url=url.format(f"{USER}:wrong"))
    trouble = trouble_of(wrong)
    assert "Authentication failed" in trouble and "wrong@" not in trouble
    wrong.kill()
    server = start("right", environment=trusted, store_url=right)
    server.wait_until_open()
    server.send([{"event": "e", "user_id": f"u{i}"} for i in range(100)])
    server.wait_until_stored(60)
    assert visible(server) == 100
    assert cluster.shards[0].sql("SELECT count() FROM by_tls.events") == "100\n"
    server.stop()


def test_too_many_parts_are_answered_by_larger_batches(tmp_path, start, figures, cluster):
    shard = cluster.shards[0]
    server = start(store_url=f"http://{USER}:secret%2C1@127.0.0.1:{cluster.replicas[0].port}/parts", process_batch_age="20ms")
    server.wait_until_open()
    shard.sql("SYSTEM STOP MERGES parts.events")
    shard.sql("ALTER TABLE parts.events MODIFY SETTING parts_to_delay_insert = 1000000, parts_to_throw_insert = 20")
    with Pace(server, batches_per_second=40, events=10) as pace:
        wait_until("it never has too many parts", lambda: server.metrics()["millrace_store_insert_failures_total"] >= 5)
        assert not any(one["trouble"] for one in server.health()["partitions"])
        refused = server.metrics()["millrace_store_insert_failures_total"]
        shard.sql("SYSTEM START MERGES parts.events")
        shard.sql("ALTER TABLE parts.events MODIFY SETTING parts_to_throw_insert = 3000")
        server.wait_until_stored(60)
    server.wait_until_stored(60)
    counts = dict(line.split("\t") for line in shard.sql("SELECT message_id, count() FROM parts.events GROUP BY ALL FORMAT TSV").splitlines())
    assert set(counts.values()) == {"1"}
    assert pace.acknowledged <= set(counts) <= pace.sent
    assert not set(pace.statuses) - {200}, pace.statuses
    figures(refused=refused, events=len(counts), inserts=server.metrics()["millrace_store_inserts_total"])
    server.stop()
