"""Fixtures of the tests that need real Kafka brokers. Where Java or the jars can't be had they are skipped, and say so."""

import pathlib
import sys

import pytest

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "app"), str(TESTS / "crash"), str(TESTS / "faults")]

import brokers  # noqa: E402
from millrace_server import Server  # noqa: E402
from store_alone import StoreAlone  # noqa: E402

FOLDER, MISSING = brokers.jars()


def pytest_collection_modifyitems(items):
    if MISSING:
        for item in items:
            item.add_marker(pytest.mark.skip(reason=f"NO KAFKA WAS TESTED: {MISSING}"))


def pytest_terminal_summary(terminalreporter):
    if MISSING:
        terminalreporter.write_line(f"NO KAFKA WAS TESTED: {MISSING}", red=True, bold=True)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory):
    """One broker for the tests that need no more."""
    with brokers.Brokers(tmp_path_factory.mktemp("kafka"), 1) as one:
        yield one


@pytest.fixture
def three(tmp_path):
    """Three brokers of a test's own, to do harm to."""
    with brokers.Brokers(tmp_path / "kafka", 3) as all_of_them:
        yield all_of_them


@pytest.fixture
def alone(tmp_path):
    """One broker of a test's own."""
    with brokers.Brokers(tmp_path / "alone", 1) as one:
        yield one


@pytest.fixture
def serve(tmp_path):
    """serve(stream_partitions=2): servers of a test's own, which end with it."""
    servers = []

    def begin(folder="data", **settings):
        server = Server(tmp_path / folder, **settings)
        servers.append(server)
        return server.start()

    yield begin
    for server in servers:
        server.kill()


@pytest.fixture
def start(serve):
    """start(kafka, topic="t", stream_partitions=2): a server whose stream is there."""
    return lambda kafka, topic, **settings: serve(stream_kind="kafka", kafka_brokers=kafka.address, kafka_topic=topic, **settings)


@pytest.fixture
def store(tmp_path):
    """A store that servers of a test share."""
    alone = StoreAlone(tmp_path / "store")
    yield alone
    alone.close()
