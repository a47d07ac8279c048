"""`millrace demo`: what --reset throws away and what it leaves alone, and how it goes on after a kill."""

import collections
import json
import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request

import pytest
from millrace_server import BINARY

OWN = ("MILLRACE_DATA", "MILLRACE_LISTEN", "MILLRACE_CONFIG", "MILLRACE_KEY", "MILLRACE_URL", "MILLRACE_BOOTSTRAP_KEY")
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in OWN}


def command(folder, *words, rate=10, listen="127.0.0.1:0"):
    return [BINARY, "demo", "--data", folder, "--listen", listen, "--days", "1", "--rate", str(rate), *words]


def run(folder, *words, **values):
    return subprocess.run(command(folder, "--for", "1s", *words, **values), env=ENVIRONMENT, capture_output=True, text=True, timeout=300)


def state(folder):
    return json.loads((folder / "demo.json").read_text())


def seed(folder):
    return state(folder)["seed"]


@pytest.fixture
def running(tmp_path):
    folder = tmp_path / "demo"
    process = subprocess.Popen(command(folder), env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    for line in process.stdout:
        if "keep coming in" in line:
            break
    yield folder, process
    process.kill()
    process.wait()


def test_a_demonstration_that_runs_is_not_thrown_away_and_one_that_has_ended_is(running):
    folder, process = running
    before = seed(folder)
    refused = run(folder, "--reset")
    assert refused.returncode == 1 and "another millrace runs on this folder" in refused.stdout + refused.stderr, refused
    assert seed(folder) == before and not (folder / "RESET").exists()
    process.send_signal(signal.SIGINT)
    said = process.stdout.read()
    assert process.wait(60) == 0 and "all of them are on disk" in said, said

    again = run(folder)
    assert again.returncode == 0 and seed(folder) == before, again
    (folder / "RESET").write_text("")  # a --reset that was broken off
    anew = run(folder)
    assert anew.returncode == 0 and seed(folder) != before and not (folder / "RESET").exists(), anew
    newest = seed(folder)
    anew = run(folder, "--reset")
    assert anew.returncode == 0 and seed(folder) != newest, anew


class Demo:
    """One that runs until it is killed, or told to stop."""

    def __init__(self, folder, rate):
        self.folder = folder
        self.process = subprocess.Popen(command(folder, rate=rate), env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.said = self.until("millrace tail")
        self.address = re.search(r"MILLRACE_URL=(\S+)", self.said)[1]

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def until(self, part):
        said = ""
        for line in self.process.stdout:
            said += line
            if part in line:
                return said
        raise AssertionError(f"it ended before it said '{part}':\n{said}")

    def ask(self, **query):
        """The answer's columns; None while the store is not open."""
        headers = {"Authorization": f"Bearer {state(self.folder)['key']}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.address + "/v1/query", json.dumps({"range": "2d", **query}).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return [column["values"] for column in json.load(answer)["columns"]]
        except urllib.error.HTTPError as error:
            if error.code == 503:
                return None
            raise

    def poll(self, asked, what, timeout_s=120):
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            found = asked()
            if found:
                return found
            time.sleep(0.005)  # between two looks
        raise AssertionError(f"not within {timeout_s} s: {what}")


def test_after_a_kill_no_time_has_the_events_of_two_runs(tmp_path):
    folder = tmp_path / "demo"

    def sent_more_than_saved(demo):
        newest = demo.ask(measures=["max(time)"], range="5m")
        return newest and newest[0] and newest[0][0] is not None and newest[0][0] * 1_000_000 > state(folder)["sent_until"] + 200_000_000

    for _ in range(2):
        with Demo(folder, rate=20) as demo:
            demo.until("keep coming in")
            demo.poll(lambda: sent_more_than_saved(demo), "an event in the store that is newer than what is saved")  # noqa: B023
    with Demo(folder, rate=20) as demo:
        demo.until("keep coming in")
        ids, times = demo.ask(measures=["max(time)"], by=["message_id"], range="3m", limit=10_000)
    spans = collections.defaultdict(list)
    for one, at in zip(ids, times, strict=True):
        spans[one.rsplit("-", 1)[0]].append(at)
    in_order = sorted((min(all_of), max(all_of), name) for name, all_of in spans.items())
    assert len(in_order) >= 5, in_order  # the history, and twice live events and those that were missing
    for before, after in zip(in_order, in_order[1:], strict=False):
        assert before[1] <= after[0], in_order


def test_a_history_whose_loading_was_killed_is_gone_on_with_and_nothing_is_there_twice(tmp_path):
    folder = tmp_path / "demo"
    with Demo(folder, rate=200) as demo:
        demo.poll(lambda: state(folder)["histories"] and state(folder)["histories"][0]["batches"] > 0, "a saved part of the history")
    taken = state(folder)["histories"][0]["batches"]
    other = run(folder, rate=300)
    assert other.returncode == 1 and "--days 1 --rate 200 --users 100000, or begin anew with --reset" in other.stderr, other
    with Demo(folder, rate=200) as demo:
        said = demo.until("keep coming in")
        there = int(re.search(r"([\d,]+) events of them were there already", said)[1].replace(",", ""))
        assert there >= taken * 2000 and "Going on to load the last 24 hours" in said, said
        counted, distinct = (column[0] for column in demo.ask(measures=["count", "uniq(message_id)"]))
        assert counted == distinct and counted > there, said
        demo.process.send_signal(signal.SIGINT)
        demo.until("all of them are on disk")
    assert state(folder)["ended"] and state(folder)["histories"] == []


def test_an_address_that_can_t_be_had_leaves_no_folder_behind(tmp_path):
    folder = tmp_path / "demo"
    for listen in ("127.0.0.1:many", "192.0.2.1:9", "127.0.0.1:99999"):
        refused = run(folder, listen=listen)
        assert refused.returncode in (1, 2) and "listen" in refused.stderr, refused
        assert not folder.exists(), listen
