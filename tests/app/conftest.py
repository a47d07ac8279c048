"""Fixtures of the whole-program tests: real binaries, free loopback ports, temporary folders."""

import pytest

import millrace_server
from openapi_check import check


@pytest.fixture(autouse=True)
def every_answer_is_described(monkeypatch):
    """Every request and answer of these tests is checked against docs/openapi.yaml."""
    plain = millrace_server.Server.request

    def checked(self, method, target, body=None, **options):
        status, headers, content = plain(self, method, target, body, **options)
        check(method, target.split("?")[0], status, headers, content, body)
        return status, headers, content

    monkeypatch.setattr(millrace_server.Server, "request", checked)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One server for the tests of a file."""
    with millrace_server.Server(tmp_path_factory.mktemp("data")) as running:
        yield running


@pytest.fixture
def fresh(tmp_path):
    """A server of a test's own."""
    with millrace_server.Server(tmp_path / "data") as running:
        yield running
