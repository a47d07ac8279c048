"""`millrace demo --reset`: what it throws away, and what it leaves alone."""

import json
import os
import signal
import subprocess

import pytest
from millrace_server import BINARY

OWN = ("MILLRACE_DATA", "MILLRACE_LISTEN", "MILLRACE_CONFIG", "MILLRACE_KEY", "MILLRACE_URL", "MILLRACE_BOOTSTRAP_KEY")
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in OWN}


def command(folder, *words):
    return [BINARY, "demo", "--data", folder, "--listen", "127.0.0.1:0", "--days", "1", "--rate", "10", *words]


def run(folder, *words):
    return subprocess.run(command(folder, "--for", "1s", *words), env=ENVIRONMENT, capture_output=True, text=True, timeout=300)


def seed(folder):
    return json.loads((folder / "demo.json").read_text())["seed"]


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
