"""Real brokers of Apache Kafka for tests: one or three, in KRaft mode, on free loopback ports, in a folder of their own.

    with Brokers(folder, 3) as kafka:
        kafka.address                     # "127.0.0.1:40001,127.0.0.1:40002,..."
        kafka.kill(0); kafka.start(0)     # kill -9, and back with the same folder
        kafka.freeze(1); kafka.thaw(1)    # SIGSTOP, SIGCONT

    with Brokers(folder, secure=Secure(authority, {"millrace": password})) as kafka:
        kafka.tls                         # "127.0.0.1:40003": TLS, and a certificate of the authority is asked for
        kafka.sasl                        # TLS, and a user with PLAIN or SCRAM-SHA-512

A folder that has been used goes on with what is in it, on other ports. `brokers.py FOLDER [COUNT]` runs them until its input ends,
and says their address in a line.

Its jars come from Maven, as deps/kafka/pom.xml pins them; tools/setup.sh fetches them.
"""

import concurrent.futures
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[2]
JAVA = ["-Xmx384m", "-Xms128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.net.preferIPv4Stack=true"]
# Seconds of a production's settings are shortened, so that a broker's death is noticed within a test.
SETTINGS = """
process.roles=broker,controller
node.id={number}
controller.quorum.voters={voters}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={folder}/data
offsets.topic.replication.factor={brokers}
transaction.state.log.replication.factor={brokers}
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor={brokers}
group.initial.rebalance.delay.ms=0
offsets.topic.num.partitions=3
group.min.session.timeout.ms=1000
auto.create.topics.enable=false
num.network.threads=1
num.io.threads=2
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
controller.quorum.election.timeout.ms=1000
controller.quorum.fetch.timeout.ms=2000
replica.lag.time.max.ms=3000
log.retention.check.interval.ms=1000
"""

# A Secure adds these. What the brokers say to each other stays as it is.
SECURE_SETTINGS = """
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
ssl.truststore.type=PEM
ssl.truststore.location={truststore}
listener.name.tls.ssl.client.auth=required
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512
listener.name.sasl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required {users};
listener.name.sasl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
"""

STARTER = concurrent.futures.ThreadPoolExecutor(1)


class Secure:
    """For brokers that have listeners with TLS, and with TLS and SASL: whose certificate, and which users with their passwords."""

    def __init__(self, authority, users):
        self.authority = authority
        self.users = users

    def settings(self, folder):
        certificate, key = self.authority.issue("broker")
        keystore = folder / "keystore.pem"
        keystore.write_text(key.read_text() + certificate.read_text())
        users = " ".join(f'user_{name}="{password}"' for name, password in self.users.items())
        return SECURE_SETTINGS.format(keystore=keystore, truststore=self.authority.certificate, users=users)

    def format_flags(self):
        return [word for name, password in self.users.items() for word in ("--add-scram", f"SCRAM-SHA-512=[name={name},password={password}]")]


def listeners(ports):
    """The settings of a broker's listeners, {name: port}; CONTROLLER is one that nobody is told of."""
    kinds = {"TLS": "SSL", "SASL": "SASL_SSL"}
    at = {name: f"{name}://127.0.0.1:{port}" for name, port in ports.items()}
    told = [place for name, place in at.items() if name != "CONTROLLER"]
    protocols = [f"{name}:{kinds.get(name, 'PLAINTEXT')}" for name in ports]
    return f"listeners={','.join(at.values())}\nadvertised.listeners={','.join(told)}\nlistener.security.protocol.map={','.join(protocols)}\n"


def jars():
    """The folder with the jars, or why there is none."""
    if shutil.which("java") is None:
        return None, "no Java (openjdk-17-jre-headless)"
    folder = subprocess.run([str(ROOT / "tools/setup.sh"), "kafka"], capture_output=True, text=True, check=True).stdout.strip()
    if not pathlib.Path(folder).is_dir():
        return None, f"the jars of Apache Kafka are not in {folder}: tools/setup.sh test could not fetch them"
    if shutil.which("kcat") is None:
        return None, "no kcat"
    return folder, None


def free_ports(count):
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


class Brokers:
    def __init__(self, folder, count=1, secure=None):
        self.folder = pathlib.Path(folder).resolve()
        self.count = count
        self.jars, reason = jars()
        assert self.jars, reason
        ports = free_ports(4 * count)
        self.ports = ports[:count]
        self.processes = [None] * count
        voters = ",".join(f"{i}@127.0.0.1:{ports[count + i]}" for i in range(count))
        cluster = uuid.uuid4().hex[:22]
        for i in range(count):
            own = self.folder / str(i)
            own.mkdir(parents=True, exist_ok=True)
            named = {"PLAINTEXT": ports[i], "CONTROLLER": ports[count + i]}
            settings = SETTINGS.format(number=i, voters=voters, folder=own, brokers=count)
            if secure:
                named.update(TLS=ports[2 * count + i], SASL=ports[3 * count + i])
                settings += secure.settings(own)
            (own / "server.properties").write_text(settings + listeners(named))
        self.tls, self.sasl = (",".join(f"127.0.0.1:{port}" for port in ports[n * count:(n + 1) * count]) for n in (2, 3))
        new = [i for i in range(count) if not (self.folder / str(i) / "data/meta.properties").exists()]
        formats = [self._java(i, "kafka.tools.StorageTool", "format", "-t", cluster, *(secure.format_flags() if secure else []), "-c") for i in new]
        assert not any([one.wait(120) for one in formats]), f"the folders could not be prepared: {self.folder}"

    @property
    def address(self):
        return ",".join(f"127.0.0.1:{port}" for port in self.ports)

    def _java(self, number, main, *words):
        own = self.folder / str(number)
        with open(own / "output", "ab") as output:
            # Killed with whoever started them, however that ends: the kernel means a thread by that, so one that doesn't end starts them all.
            command = ["setpriv", "--pdeathsig", "KILL", "java", *JAVA, f"-Dmillrace.broker={number}", "-cp", f"{self.jars}/*", main, *words,
                       str(own / "server.properties")]
            return STARTER.submit(subprocess.Popen, command, stdout=output, stderr=output, start_new_session=True, cwd=own).result()

    def tool(self, main, *words):
        """Runs one of Kafka's own programs; what it prints."""
        command = ["java", *JAVA, "-cp", f"{self.jars}/*", main, *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=self.folder)
        assert done.returncode == 0, f"{main} {words}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout

    def start(self, number):
        self.processes[number] = self._java(number, "kafka.Kafka")

    def kill(self, number):
        self.processes[number].kill()
        self.processes[number].wait()
        self.processes[number] = None

    def freeze(self, number):
        os.kill(self.processes[number].pid, signal.SIGSTOP)

    def thaw(self, number):
        os.kill(self.processes[number].pid, signal.SIGCONT)

    def metadata(self, number):
        """What a client of this one sees: kcat's JSON; None while it doesn't answer."""
        asked = subprocess.run(["kcat", "-L", "-J", "-m", "2", "-b", f"127.0.0.1:{self.ports[number]}"], capture_output=True, text=True)
        try:
            return json.loads(asked.stdout)
        except ValueError:
            return None

    def wait_until(self, holds, what, timeout_s=90):
        """Until holds(metadata) for every broker that runs: others don't notice at once that one is gone, nor that it is back."""
        deadline = time.monotonic() + timeout_s
        while True:
            metadata = [self.metadata(number) for number, process in enumerate(self.processes) if process is not None]
            if metadata and all(one is not None and holds(one) for one in metadata):
                return
            for number, process in enumerate(self.processes):
                code = process.poll() if process is not None else None
                assert code is None, f"broker {number} ended with {code}:\n{self.output(number)}"
            assert time.monotonic() < deadline, f"not in {timeout_s} s: {what}; {metadata}"
            time.sleep(0.1)  # polling a state that nothing announces

    def wait_until_ready(self, count=None, timeout_s=90):
        wanted = count or self.count
        return self.wait_until(lambda seen: len(seen["brokers"]) >= wanted, f"{wanted} brokers answer", timeout_s)

    def wait_until_in_sync(self, topic):
        """Every partition has all of its copies again."""
        def whole(metadata):
            partitions = [p for t in metadata["topics"] if t["topic"] == topic for p in t["partitions"]]
            return partitions and all(len(p["isrs"]) == len(p["replicas"]) for p in partitions)
        return self.wait_until(whole, f"all copies of {topic} are in sync")

    def output(self, number):
        return (self.folder / str(number) / "output").read_text(errors="replace")[-4000:]

    def __enter__(self):
        try:
            for number in range(self.count):
                self.start(number)
            self.wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in self.processes:
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()


def until(holds, what, timeout_s=60):
    """Polls a state that nothing announces."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, f"not in {timeout_s} s: {what}"
        time.sleep(0.02)


def kcat(kafka, *words, data=None, timeout_s=60):
    """What kcat prints, as bytes."""
    done = subprocess.run(["kcat", "-b", kafka.address, *words], input=data, capture_output=True, timeout=timeout_s)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who uses the brokers; they end after it
    with Brokers(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1) as running:
        print(running.address, flush=True)
        sys.stdin.read()
