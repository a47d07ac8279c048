"""Schemathesis makes requests from the OpenAPI description, good and bad ones: no server error, and no answer that the description
doesn't know."""

import hashlib
import os
import pathlib
import subprocess
import sys
import venv

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "app"))
from millrace_server import KEY, Server  # noqa: E402

REQUIREMENTS = pathlib.Path(__file__).with_name("schemathesis") / "requirements.txt"
EXAMPLES = os.environ.get("SCHEMATHESIS_EXAMPLES", "25")
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance"


def schemathesis():
    """The program, from PyPI, installed once into the cache folder."""
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "millrace"
    folder = cache / f"schemathesis-{hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]}"
    if not (folder / "ready").exists():
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([folder / "bin/pip", "install", "-q", "--disable-pip-version-check", "-r", REQUIREMENTS], check=True)
        (folder / "ready").touch()
    return folder / "bin/schemathesis"


def test_the_description_is_true(tmp_path):
    program = schemathesis()
    with Server(tmp_path / "data") as server:
        server.send([{"event": "click", "user_id": "u", "message_id": f"m{n}", "properties": {"n": n, "plan": "free"}} for n in range(100)])
        server.wait_until_stored()
        done = subprocess.run(
            [
                program, "run", f"http://{server.address}/v1/openapi.json",
                "--url", f"http://{server.address}",
                "--header", f"Authorization: Bearer {KEY}",
                "--checks", CHECKS, "--phases", "examples,coverage,fuzzing", "--max-examples", EXAMPLES, "--seed", "1",
                "--continue-on-failure", "--warnings", "off", "--no-color", "--suppress-health-check", "all",
            ],
            cwd=tmp_path, capture_output=True, text=True, timeout=1200,
        )  # fmt: skip
        print(done.stdout[-6000:])
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
        assert server.process.poll() is None
        assert server.health()["audit"]["holds"]
