"""The engine's own port, as ClickHouse's clients see it: what SQL may do, and that it can't read or reach the machine."""

import http.client
import urllib.parse

import pytest

from millrace_server import Server, free_port

SECRET = "port-password"


class Port:
    def __init__(self, server, port):
        self.server = server
        self.port = port

    def sql(self, query, user="analyst", password=SECRET, **parameters):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        target = "/?" + urllib.parse.urlencode(parameters)
        connection.request("POST", target, query.encode(), {"X-ClickHouse-User": user, "X-ClickHouse-Key": password})
        response = connection.getresponse()
        body = response.read().decode(errors="replace")
        connection.close()
        return response.status, body


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    number = free_port()
    folder = tmp_path_factory.mktemp("engine")
    with Server(folder / "data", engine_listen=f"127.0.0.1:{number}", engine_user="analyst", engine_password=SECRET) as server:
        server.send([{"event": "x", "user_id": f"u{n}"} for n in range(10)])
        server.wait_until_stored()
        yield Port(server, number)


def test_sql_answers(port):
    assert port.sql("SELECT count() FROM millrace.events") == (200, "10\n")
    assert port.sql("SELECT 1 FORMAT JSONEachRow")[1].strip() == '{"1":1}'


def test_a_wrong_password_is_refused(port):
    status, body = port.sql("SELECT 1", password="wrong")
    assert status in (401, 403) and "516" in body


def test_the_tables_of_millrace_are_read_only(port):
    before = port.sql("SELECT count(), sum(sequence) FROM millrace.events")[1]
    attempts = [
        "INSERT INTO millrace.events (event) VALUES ('x')",
        "ALTER TABLE millrace.events DELETE WHERE 1",
        "DELETE FROM millrace.events WHERE 1",
        "DROP TABLE millrace.events",
        "TRUNCATE TABLE millrace.events",
        "RENAME TABLE millrace.events TO default.e",
        "DROP DATABASE millrace",
        "SELECT 1; DROP TABLE millrace.events",
        "CREATE MATERIALIZED VIEW default.mv TO millrace.events AS SELECT * FROM millrace.events",
        "INSERT INTO FUNCTION file('x.csv') SELECT 1",
        "SYSTEM SHUTDOWN",
        "SET max_memory_usage = 0",
        "CREATE TABLE default.b AS millrace.events ENGINE = Buffer(millrace, events, 1, 1, 1, 1, 1, 1, 1)",
        "OPTIMIZE TABLE millrace.events FINAL",
    ]
    for attempt in attempts:
        status, body = port.sql(attempt)
        assert status >= 400, f"{attempt}: {status} {body}"
    assert port.sql("SELECT count(), sum(sequence) FROM millrace.events")[1] == before


def test_a_database_of_ones_own_can_be_written(port):
    assert port.sql("CREATE DATABASE mine") == (200, "")
    for statement in ("CREATE TABLE t (n UInt32) ENGINE = MergeTree ORDER BY n", "INSERT INTO t VALUES (1), (2)"):
        status, body = port.sql(statement, database="mine")
        assert status == 200, f"{statement}: {body}"
    assert port.sql("SELECT sum(n) FROM t", database="mine") == (200, "3\n")


@pytest.mark.parametrize(
    "query",
    [
        "SELECT file('/etc/passwd')",
        "SELECT * FROM file('/etc/passwd', 'LineAsString')",
        "SELECT * FROM file('../../../../../../etc/passwd', 'LineAsString')",
        "SELECT 1 INTO OUTFILE '/tmp/millrace-outfile'",
        "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
        "SELECT * FROM remote('127.0.0.1:1', 'system', 'one')",
        "SELECT * FROM s3('http://127.0.0.1:1/b/k', 'LineAsString')",
        "SELECT * FROM executable('id', 'TSV', 's String')",
        "SELECT * FROM mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
        "SELECT * FROM postgresql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
        "CREATE TABLE default.f (s String) ENGINE = File('LineAsString', '/etc/passwd')",
        "SELECT file('/proc/1/environ')",
        "SELECT * FROM sqlite('/etc/x.db', 't')",
        "CREATE FUNCTION f AS (x) -> x + 1",
        "BACKUP DATABASE millrace TO File('/tmp/millrace-backup')",
    ],
)
def test_sql_cannot_reach_the_machine(port, query):
    status, body = port.sql(query)
    assert status >= 400, f"{query}: {status} {body}"
    assert "root:" not in body
    assert port.sql("SELECT 1")[1] == "1\n"
