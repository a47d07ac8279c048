"""The stream's contract, and what is the Kafka stream's own, against a real broker: the unit tests with somebody to talk to."""

import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "build/dev/bin/stream_test"


def test_the_kafka_stream_passes_the_contract_of_streams(kafka):
    environment = {**os.environ, "MILLRACE_TEST_KAFKA": kafka.address}
    done = subprocess.run(
        [str(PROGRAM), "--gtest_filter=*Kafka*", "--gtest_brief=1"], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-4000:]
    assert "SKIPPED" not in done.stdout, done.stdout
