"""An authority for a test, and certificates from it: made by openssl when the test runs, for two days."""

import pathlib
import subprocess


def openssl(*words):
    done = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"openssl {words}: {done.stderr}"


class Authority:
    """.certificate is its own, as a PEM file."""

    def __init__(self, folder, name="authority"):
        self.folder = pathlib.Path(folder) / name
        self.folder.mkdir(parents=True)
        self.certificate = self.folder / "ca.pem"
        self.key = self.folder / "ca.key"
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", 2, "-subj", f"/CN={name}", "-keyout", self.key, "-out", self.certificate)

    def issue(self, name, password=None):
        """(certificate, key), PEM files, for that name and 127.0.0.1; the key is encrypted with the password."""
        certificate, key, request, more = (self.folder / f"{name}.{ending}" for ending in ("pem", "key", "csr", "ext"))
        hidden = ["-passout", f"pass:{password}"] if password else ["-nodes"]
        openssl("req", "-newkey", "rsa:2048", *hidden, "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        more.write_text("subjectAltName=IP:127.0.0.1\n")
        openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial", "-days", 2, "-extfile", more,
                "-out", certificate)
        return certificate, key
