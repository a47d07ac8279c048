"""A ClickHouse cluster as far as there can be one without ClickHouse's server, out of the engine's library.

Real: every shard is a process of the library as `clickhouse-local` with its listeners on, so ClickHouse's own HTTP interface and its own
native protocol; `Distributed` tables read over it, users have passwords, `system.clusters` tells who is in which shard.

Not real: the library starts no interserver listener and no DDL worker, so there are no replicated tables and no ON CLUSTER. Replicas of a
shard are ways to one and the same engine (never behind each other), made of it by `Replica`, which also does what those would: it
runs an ON CLUSTER statement in every shard, takes the word Replicated out of engines, and answers SYSTEM SYNC REPLICA. What replicas
that lag behind do to Millrace is simulated in src/process.
"""

import http.client
import http.server
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse

from millrace_server import ROOT, free_port

USER, PASSWORD, CLUSTER, DATABASE = "millrace", "secret,1", "both", "faults"

LOCAL = """
import ctypes, sys
library = ctypes.CDLL(sys.argv[1])
words = [b"clickhouse"] + [word.encode() for word in sys.argv[2:]]
library.chdb_query_cmdline(len(words), (ctypes.c_char_p * (len(words) + 1))(*words, None))
"""
# It listens for as long as this runs.
LISTEN = "SYSTEM START LISTEN TCP; SYSTEM START LISTEN HTTP; SELECT sleepEachRow(3) FROM system.numbers SETTINGS max_block_size = 1 FORMAT Null"


def engine_library():
    return os.environ.get("MILLRACE_LIBCHDB") or subprocess.run(
        [ROOT / "tools/setup.sh", "library"], capture_output=True, text=True, check=True).stdout.strip()


class Shard:
    """One engine; `number` counts from 1."""

    def __init__(self, folder, number, tcp_ports):
        self.number, self.folder = number, folder
        self.http_port = free_port()
        folder.mkdir(parents=True)
        shards = "".join(f"<shard><replica><host>127.0.0.1</host><port>{port}</port><user>{USER}</user><password>{PASSWORD}</password>"
                         "</replica></shard>" for port in tcp_ports)
        (folder / "users.xml").write_text(
            "<clickhouse><profiles><default></default></profiles><quotas><default></default></quotas><users>"
            + "".join(f"<{name}><password>{password}</password><networks><ip>{net}</ip></networks><profile>default</profile>"
                      f"<quota>default</quota></{name}>" for name, password, net in (("default", "", "::1"), (USER, PASSWORD, "127.0.0.1")))
            + "</users></clickhouse>")
        (folder / "config.xml").write_text(
            f"<clickhouse><users_config>users.xml</users_config><listen_host>127.0.0.1</listen_host><tcp_port>{tcp_ports[number - 1]}</tcp_port>"
            f"<http_port>{self.http_port}</http_port><remote_servers><{CLUSTER}>{shards}</{CLUSTER}></remote_servers></clickhouse>")
        self.process = None

    def start(self):
        log = open(self.folder / "log.txt", "ab")
        self.process = subprocess.Popen([sys.executable, "-c", LOCAL, engine_library(), f"--config-file={self.folder}/config.xml",
                                         f"--path={self.folder}/data", f"--query={LISTEN}"],
                                        stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + 60
        while True:
            try:
                return self.sql("SELECT 1")
            except OSError:
                assert self.process.poll() is None and time.monotonic() < deadline, (self.folder / "log.txt").read_text()[-2000:]
                time.sleep(0.05)  # polling

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def say(self, method, target, body, headers=None):
        """(status, headers, body)"""
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=120)
        try:
            connection.request(method, target, body, headers or {"X-ClickHouse-User": USER, "X-ClickHouse-Key": PASSWORD})
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def sql(self, query):
        status, _, body = self.say("POST", "/", query.encode())
        assert status == 200, body.decode()
        return body.decode()


class Replica:
    """A way to a shard that can be cut off, and that can keep inserts back and let them go when nobody expects them any more."""

    def __init__(self, cluster, shard):
        self.cluster, self.shard = cluster, shard
        self.port = free_port()
        self.server = None
        self.keeps_back = False
        self.kept = []
        self.inserts = 0
        self.behind = False  # SYSTEM SYNC REPLICA of events doesn't come to its end
        self.lock = threading.Lock()
        self.open()

    def open(self, tls=None):
        replica = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 120

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                answer = replica.answer(self.command, self.path, body, {name: value for name, value in self.headers.items()
                                                                        if name.lower() not in ("host", "connection", "content-length")})
                if answer is None or replica.server is None:
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                status, headers, content = answer
                self.send_response(status)
                for name, value in headers:
                    if name.lower() not in ("transfer-encoding", "content-length", "connection", "keep-alive"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, *_):
                pass  # clients that are cut off

        self.server = Server(("127.0.0.1", self.port), Handler)
        if tls is not None:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def cut(self):
        """Nobody gets through any more, and nobody gets an answer."""
        server, self.server = self.server, None
        server.shutdown()
        server.server_close()

    def let_go(self):
        """What was kept back takes effect now; gives how many inserts."""
        with self.lock:
            kept, self.kept, self.keeps_back = self.kept, [], False
        for path, body, headers in kept:
            status, _, content = self.shard.say("POST", path, body, headers)
            assert status == 200, content
        return len(kept)

    def answer(self, method, path, body, headers):
        if self.server is None:
            return None
        if "INSERT" in urllib.parse.unquote_plus(path):
            with self.lock:
                self.inserts += 1
                if self.keeps_back and "events_local" in urllib.parse.unquote_plus(path):
                    self.kept.append((path, body, headers))
                    return None
            return self.shard.say(method, path, body, headers)
        text = body.decode(errors="surrogateescape")
        if text.startswith("SYSTEM SYNC REPLICA"):
            if self.behind and "events" in text:
                return 500, [("X-ClickHouse-Exception-Code", "159")], b"Code: 159. DB::Exception: SYNC REPLICA: timed out"
            return 200, [], b""
        everywhere = " ON CLUSTER " in text or "INSERT INTO `faults`.schema_version" in text
        text = re.sub(r" ON CLUSTER `\w+`", "", text)
        text = re.sub(r"Replicated(\w*MergeTree)\('[^']*', '[^']*'(?:, )?", r"\1(", text)
        answers = [shard.say(method, path, text.encode(errors="surrogateescape"), headers)
                   for shard in (self.cluster.shards if everywhere else [self.shard])]
        return next((answer for answer in answers if answer[0] != 200), answers[0])


class Cluster:
    def __init__(self, folder, shards=2, replicas=2):
        ports = [free_port() for _ in range(shards)]
        self.shards = [Shard(folder / f"shard{number}", number, ports) for number in range(1, shards + 1)]
        self.replicas = []
        try:
            for shard in self.shards:
                shard.start()
            self.replicas = [Replica(self, shard) for _ in range(replicas) for shard in self.shards]
        except BaseException:
            self.close()
            raise

    def close(self):
        for replica in self.replicas:
            if replica.server is not None:
                replica.cut()
        for shard in self.shards:
            shard.kill()

    def of(self, shard):
        return [replica for replica in self.replicas if replica.shard is self.shards[shard - 1]]

    def settings(self):
        servers = ",".join(f"127.0.0.1:{replica.port}" for replica in self.replicas)
        return {"store_url": f"http://{USER}:{urllib.parse.quote(PASSWORD, safe='')}@{servers}/{DATABASE}", "store_cluster": CLUSTER}

    def rows(self, what, where="1"):
        """`what` of the events of every shard, asked of each by itself."""
        return [shard.sql(f"SELECT {what} FROM {DATABASE}.events_local WHERE {where} FORMAT TSV") for shard in self.shards]
