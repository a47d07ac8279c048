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


def run(server, folder, *filters):
    return subprocess.run(
        [
            schemathesis(), "run", f"http://{server.address}/v1/openapi.json",
            "--url", f"http://{server.address}",
            "--header", f"Authorization: Bearer {KEY}",
            "--checks", CHECKS, "--phases", "examples,coverage,fuzzing", "--max-examples", EXAMPLES, "--seed", "1",
            "--continue-on-failure", "--warnings", "off", "--no-color", "--suppress-health-check", "all", *filters,
        ],
        env={**os.environ, "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(REQUIREMENTS.parent)},
        cwd=folder, capture_output=True, text=True, timeout=1200,
    )  # fmt: skip


def test_the_description_is_true(tmp_path):
    with Server(tmp_path / "data") as server:
        server.send([{"event": "click", "user_id": "u", "message_id": f"m{n}", "properties": {"n": n, "plan": "free"}} for n in range(100)])
        server.wait_until_stored()
        # Revoking comes last, for it finds its own key in the list.
        # The answers of live and of viewFeed have no end.
        everything = run(server, tmp_path, "--exclude-operation-id", "revokeKey", "--exclude-operation-id", "live",
                         "--exclude-operation-id", "viewFeed")
        print(everything.stdout[-1500:])
        assert everything.returncode == 0, everything.stdout[-6000:] + everything.stderr[-2000:]
        assert server.health()["audit"]["holds"]
        revoking = run(server, tmp_path, "--include-operation-id", "revokeKey")
        assert revoking.returncode == 0, revoking.stdout[-6000:] + revoking.stderr[-2000:]
        assert server.process.poll() is None
