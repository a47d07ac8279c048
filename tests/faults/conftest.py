"""Fixtures of the fault tests. Each file is one row of faults: test_f09_slow_store.py is F9; ONLY=F9 picks it by its marker.

Without MILLRACE_FAULTS=long the tests are short (seconds): they show that a promise holds. Long, they last as long as the fault is
said to last, and print figures.
"""

import os
import pathlib
import re
import sys

import pytest

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "app"), str(TESTS / "crash")]

from millrace_server import Server, free_port  # noqa: E402
from watch import Sql  # noqa: E402

LONG = os.environ.get("MILLRACE_FAULTS") == "long"
FIGURES = []


def pytest_configure(config):
    for number in range(1, 21):
        config.addinivalue_line("markers", f"F{number}: a fault of docs/reliability.md")


def pytest_collection_modifyitems(items):
    for item in items:
        number = re.match(r"test_f(\d+)_", item.path.name)
        item.add_marker(f"F{int(number[1])}")


@pytest.fixture
def long():
    return LONG


@pytest.fixture
def figures(request):
    """figures(p99_ms=3.1): shown at the end of the run."""
    def note(**values):
        FIGURES.append(f"{request.node.name}: " + ", ".join(f"{name} {value}" for name, value in values.items()))
    return note


def pytest_terminal_summary(terminalreporter):
    for line in FIGURES:
        terminalreporter.write_line(line)


@pytest.fixture
def start(tmp_path):
    """start(process_batch_age="50ms"): servers of a test's own, which end with it."""
    servers = []

    def begin(folder="data", store=None, **settings):
        """`store`: a StoreAlone that store_url leads to; without and without store_url it is the embedded engine, with a port to ask at."""
        if store is None and "store_url" not in settings:
            port = free_port()
            settings.update(engine_listen=f"127.0.0.1:{port}", engine_user="faults", engine_password="faults")
        server = Server(tmp_path / folder, **settings)
        if store is not None:
            server.sql = store.sql()
        elif "store_url" not in settings:
            server.sql = Sql(f"127.0.0.1:{port}", "faults", "faults", "millrace")
        servers.append(server)
        return server.start()

    yield begin
    for server in servers:
        server.kill()
