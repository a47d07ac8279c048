"""A ClickHouse store that is not the server's child: the engine by itself, as a server elsewhere would be."""

import os
import subprocess

from millrace_server import BINARY, ROOT
from slow_proxy import StoreProxy
from watch import Sql


class StoreAlone:
    def __init__(self, folder):
        library = os.environ.get("MILLRACE_LIBCHDB") or subprocess.run(
            [ROOT / "tools/setup.sh", "library"], capture_output=True, text=True, check=True).stdout.strip()
        binary = BINARY.parent / "engine_alone"
        self.process = subprocess.Popen([binary, folder], env={**os.environ, "MILLRACE_LIBCHDB": library},
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline().split()
        assert len(line) == 3, "engine_alone did not start; tools/build.sh release engine_alone builds it"
        self.socket, self.user, self.password = self.process.stdout.readline().split()

        self.proxy = StoreProxy(self.socket)

    def close(self):
        self.proxy.close()
        self.process.stdin.close()
        self.process.wait(30)

    def sql(self):
        return Sql(self.proxy.address, self.user, self.password, "faults")

    def url(self, proxy=None):
        """Through the proxy, as a server elsewhere would be reached; or through another."""
        return f"http://{self.user}:{self.password}@{(proxy or self.proxy).address}/faults"
