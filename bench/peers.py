"""The peers, each in a folder of its own, on loopback ports or Unix sockets, stopped at the end also after Ctrl-C. How each is set is
what its defaults are, unless it is said here; durability() says what an acknowledgement of it means.

Debian packages (group `bench` of deps/debian-packages.txt) come by tools/setup.sh, the others by the ordinary clients of their
registries into build/bench/peers."""

import contextlib
import http.client
import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import sys
import time

from measure import ROOT, cpu_seconds
from millrace_server import KEY, Server, free_port

PEERS = ROOT / "build/bench/peers"
POST = ROOT / "build/release/bin/post_load"
QUESTDB_VERSION = "9.1.0"
DUCKDB_VERSION = "1.4.1"
YYJSON_VERSION = "4.0.6"


def run(*command, **options):
    return subprocess.run([str(part) for part in command], check=True, **{"capture_output": True, "text": True, **options})


class Peer:
    """A process that is started, waited for, and killed at the end with everything below it."""

    name = ""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.process = None

    def spawn(self, command, **options):
        log = open(self.folder / "log.txt", "ab")
        self.process = subprocess.Popen([str(part) for part in command], stdout=log, stderr=log, start_new_session=True, **options)
        return self

    def wait_until(self, ready, timeout_s=60):
        deadline = time.monotonic() + timeout_s
        while True:
            with contextlib.suppress(Exception):
                if ready():
                    return self
            if self.process.poll() is not None or time.monotonic() > deadline:
                text = (self.folder / "log.txt").read_text(errors="replace")[-2000:]
                self.stop()
                raise RuntimeError(f"{self.name} did not start:\n{text}")
            time.sleep(0.02)  # polling a state that nothing announces

    def kill(self):
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, 9)
            self.process.wait()

    def stop(self):
        self.kill()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    @property
    def pid(self):
        return self.process.pid


class Postgres(Peer):
    """PostgreSQL 15: fsync and synchronous_commit on (its default: durable when it answers); shared_buffers 512 MB, max_wal_size 4 GB,
    room for 1,100 connections."""

    name = "PostgreSQL"
    bin = pathlib.Path("/usr/lib/postgresql/15/bin")

    def __init__(self, folder, **settings):
        super().__init__(folder)
        self.settings = {"shared_buffers": "512MB", "max_wal_size": "4GB", "max_connections": "1100", "listen_addresses": "", **settings}
        self.as_user = []
        if os.getuid() == 0:  # it refuses to run as root
            user = pwd.getpwnam("postgres")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self.as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]

    def start(self):
        data = self.folder / "data"
        if not data.exists():
            run(*self.as_user, self.bin / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "--locale=C.UTF-8", cwd="/")
        flags = [part for name, value in {**self.settings, "unix_socket_directories": self.folder}.items() for part in ("-c", f"{name}={value}")]
        self.spawn([*self.as_user, self.bin / "postgres", "-D", data, *flags], cwd="/")
        return self.wait_until(lambda: run(self.bin / "pg_isready", "-h", self.folder).returncode == 0)

    def sql(self, text, **options):
        return run(self.bin / "psql", "-h", self.folder, "-U", "postgres", "-v", "ON_ERROR_STOP=1", "-qAtX", "-c", text, **options).stdout.strip()

    def connect(self):
        import psycopg2

        return psycopg2.connect(host=str(self.folder), user="postgres", dbname="postgres")

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(2)  # fast shutdown
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(60)
        self.kill()


class Redis(Peer):
    """Redis 7: append-only file. appendfsync always: durable when it answers; everysec, its default for that file: up to a second is lost."""

    name = "Redis"

    def __init__(self, folder, fsync="always"):
        super().__init__(folder)
        self.fsync, self.socket = fsync, self.folder / "redis.sock"

    def start(self):
        self.spawn(["redis-server", "--port", "0", "--unixsocket", self.socket, "--dir", self.folder, "--appendonly", "yes", "--appendfsync", self.fsync,
                    "--save", "", "--maxclients", "5000", "--auto-aof-rewrite-percentage", "0"])  # fmt: skip
        return self.wait_until(lambda: self.cli("PING") == "PONG", 600)

    def cli(self, *command):
        return run("redis-cli", "-s", self.socket, *command).stdout.strip()


class QuestDb(Peer):
    """QuestDB 9.1 with its own defaults: no fsync (cairo.commit.mode=nosync), so what it has answered is in the page cache."""

    name = "QuestDB"

    def __init__(self, folder):
        super().__init__(folder)
        self.port = free_port()

    @staticmethod
    def install():
        jar = PEERS / "questdb" / f"questdb-{QUESTDB_VERSION}.jar"
        if not jar.exists():
            print(f"==> bench: fetching QuestDB {QUESTDB_VERSION}", flush=True)
            run("mvn", "-q", "-B", "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy", f"-Dartifact=org.questdb:questdb:{QUESTDB_VERSION}",
                f"-DoutputDirectory={jar.parent}")  # fmt: skip
        return jar

    def start(self):
        environment = {**os.environ, "QDB_HTTP_BIND_TO": f"127.0.0.1:{self.port}", "QDB_PG_ENABLED": "false", "QDB_LINE_TCP_ENABLED": "false",
                       "QDB_HTTP_MIN_ENABLED": "false", "QDB_TELEMETRY_ENABLED": "false"}  # fmt: skip
        self.spawn(["java", "-cp", self.install(), "io.questdb.ServerMain", "-d", self.folder], env=environment)
        return self.wait_until(lambda: self.query("SELECT 1") == "1")

    def query(self, sql):
        return get(self.port, "/exp?query=" + quote(sql)).split("\r\n")[1]


class Influx(Peer):
    """InfluxDB 1.6 with its own defaults: its WAL is fsynced before it answers (wal-fsync-delay 0)."""

    name = "InfluxDB 1.6"

    def __init__(self, folder):
        super().__init__(folder)
        self.port = free_port()

    def start(self):
        (self.folder / "influx.conf").write_text(f"""
reporting-disabled = true
bind-address = "127.0.0.1:{free_port()}"
[meta]
  dir = "{self.folder}/meta"
[data]
  dir = "{self.folder}/data"
  wal-dir = "{self.folder}/wal"
  max-series-per-database = 0
  max-values-per-tag = 0
  cache-max-memory-size = "4g"
[http]
  bind-address = "127.0.0.1:{self.port}"
  log-enabled = false
  max-body-size = 0
[monitor]
  store-enabled = false
""")
        self.spawn(["influxd", "run", "-config", self.folder / "influx.conf"])
        return self.wait_until(lambda: get(self.port, "/ping", expect=204) == "")


class Engine(Peer):
    """The embedded engine's own HTTP interface (a Millrace that gets no events): its default of no fsync, so what it has answered is in the
    page cache."""

    name = "engine"
    user = {"X-ClickHouse-User": "bench", "X-ClickHouse-Key": "bench-password"}

    def __init__(self, folder, **settings):
        super().__init__(folder)
        self.port = free_port()
        self.server = Server(self.folder / "data", engine_listen=f"127.0.0.1:{self.port}", engine_user="bench", engine_password="bench-password",
                             log_level="warning", **settings)  # fmt: skip
        self.engine_pid = None

    def start(self):
        self.server.start()
        self.engine_pid = self.server.wait_until_open()["pid"]
        return self

    def stop(self):
        self.server.stop()

    @property
    def pid(self):
        return self.engine_pid

    def query(self, sql, body=b"", timeout_s=600, **settings):
        return ask_engine(self.port, sql, body, timeout_s, **settings)


class Nchan(Peer):
    """nginx 1.22 with nchan 1.3.6, one worker: a channel that keeps its newest message, read as server-sent events. say() publishes."""

    name = "nginx and nchan"

    def __init__(self, folder):
        super().__init__(folder)
        self.port = free_port()

    def start(self):
        (self.folder / "nginx.conf").write_text(f"""
load_module /usr/lib/nginx/modules/ngx_nchan_module.so;
{"user root;" if os.getuid() == 0 else ""}
daemon off;
pid {self.folder}/pid;
error_log {self.folder}/error.log;
worker_processes 1;
worker_rlimit_nofile 20000;
events {{ worker_connections 19000; }}
http {{
  access_log off;
  client_body_temp_path {self.folder}/body;
  nchan_shared_memory_size 512M;
  server {{
    listen 127.0.0.1:{self.port} backlog=4096;
    location = / {{ return 200 "ok"; }}
    location = /v1/live {{ nchan_subscriber eventsource; nchan_channel_id frames; nchan_subscriber_first_message newest; }}
    location = /say {{ nchan_publisher; nchan_channel_id frames; nchan_message_buffer_length 1; }}
  }}
}}
""")
        self.spawn(["nginx", "-c", self.folder / "nginx.conf", "-p", self.folder])
        return self.wait_until(lambda: get(self.port, "/") == "ok")

    def say(self, text):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("POST", "/say", text)
        status = connection.getresponse().status
        connection.close()
        if status not in (200, 201, 202):
            raise RuntimeError(f"nchan took no message: {status}")


class NodeFanOut(Peer):
    """Server-sent events by Node's own HTTP server, one process."""

    name = "Node"

    def __init__(self, folder, frame_bytes):
        super().__init__(folder)
        self.frame_bytes, self.port = frame_bytes, free_port()

    def start(self):
        self.spawn(["node", ROOT / "bench/programs/fan_out.js", self.port, self.frame_bytes])
        return self.wait_until(lambda: get(self.port, "/") == "ok")


class Collector(Peer):
    """A collector as one writes it: Node's own HTTP server takes NDJSON, parses each line, and appends it to a Redis stream (XADD); it answers
    when Redis has. One process."""

    name = "collector"

    def __init__(self, folder, redis):
        super().__init__(folder)
        self.redis, self.port = redis, free_port()

    def start(self):
        self.spawn(["node", ROOT / "bench/programs/collector.js", self.port, self.redis.socket])
        return self.wait_until(lambda: get(self.port, "/") == "ok")


def ask_engine(port, sql, body=b"", timeout_s=600, **settings):
    """An engine's answer over its own HTTP port; with a body, the statement goes into the address."""
    target = "/?" + "&".join(f"{key}={quote(str(value))}" for key, value in {**settings, **({"query": sql} if body else {})}.items())
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    connection.request("POST", target, body if body else sql.encode(), Engine.user)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    if response.status != 200:
        raise RuntimeError(f"{sql[:200]}: {content[:500]}")
    return content


def quote(text):
    import urllib.parse

    return urllib.parse.quote(text, safe="")


def get(port, target, expect=200):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", target)
    response = connection.getresponse()
    content = response.read().decode()
    connection.close()
    if response.status != expect:
        raise RuntimeError(f"GET {target}: {response.status} {content[:500]}")
    return content


def install_duckdb():
    """A Python environment with DuckDB; gives its interpreter."""
    python = PEERS / "duckdb/bin/python"
    if not python.exists() or subprocess.run([python, "-c", "import duckdb"], capture_output=True).returncode != 0:
        print(f"==> bench: fetching DuckDB {DUCKDB_VERSION}", flush=True)
        run(sys.executable, "-m", "venv", PEERS / "duckdb")
        run(PEERS / "duckdb/bin/pip", "-q", "install", f"duckdb=={DUCKDB_VERSION}")
    return python


def install_yyjson():
    """The folder with yyjson.h and yyjson.c, out of the Python package's source."""
    folder = PEERS / "yyjson"
    found = list(folder.rglob("yyjson.h"))
    if not found:
        print("==> bench: fetching yyjson", flush=True)
        folder.mkdir(parents=True, exist_ok=True)
        run(sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", f"yyjson=={YYJSON_VERSION}", "-d", folder)
        shutil.unpack_archive(next(folder.glob("*.tar.gz")), folder)
        found = list(folder.rglob("yyjson.h"))
    return found[0].parent


def post(port, target, bodies, events, connections, seconds, *headers):
    """What post_load prints: `bodies` is a file of ready-made bodies with `events` each."""
    import json

    done = subprocess.run([str(part) for part in (POST, "127.0.0.1", port, target, bodies, events, connections, seconds, *headers)],
                          check=True, stdout=subprocess.PIPE, text=True)  # fmt: skip
    return json.loads(done.stdout)
