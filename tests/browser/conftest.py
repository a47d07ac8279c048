"""Fixtures of the browser tests: the real program, the real browser, a folder and a port of one's own."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "app"))
import millrace_server  # noqa: E402
from page import Page, start_browser  # noqa: E402


@pytest.fixture(scope="session")
def driver(tmp_path_factory):
    running = start_browser(tmp_path_factory.mktemp("browser"))
    yield running
    running.quit()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One server for the tests of a file."""
    with millrace_server.Server(tmp_path_factory.mktemp("data")) as running:
        running.wait_until_open()
        yield running


@pytest.fixture
def page(driver, server):
    """The page, not opened yet. Afterwards nothing may have been complained of."""
    shown = Page(driver, server.address, millrace_server.KEY)
    shown.size(1440, 900)
    driver.get_log("browser")
    yield shown
    complaints = shown.complaints()
    foreign = [one for one in shown.requests() if not one.startswith((f"http://{shown.address}/", "blob:"))]
    driver.get("about:blank")
    assert not complaints, complaints
    assert not foreign, foreign
