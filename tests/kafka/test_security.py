"""Brokers that want TLS, and a user with a password: what is taken through them, and what is said when they refuse."""

import os
import re
import secrets
import subprocess

import brokers
import pytest
from certificates import Authority

USER = "millrace"
PASSWORD = secrets.token_hex(16)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def secured(tmp_path_factory, authority):
    with brokers.Brokers(tmp_path_factory.mktemp("secured"), 1, brokers.Secure(authority, {USER: PASSWORD})) as one:
        yield one


def events(count, prefix):
    return [{"event": "buy", "user_id": f"u{i % 17}", "message_id": f"{prefix}-{i}"} for i in range(count)]


def config(folder, address, topic, **more):
    """A configuration file: librdkafka's settings have no flags. security_protocol is security.protocol."""
    lines = {"brokers": address, "topic": topic, "timeout": "20s", **{name.replace("_", "."): value for name, value in more.items()}}
    file = folder / f"{topic}.toml"
    file.write_text('stream.kind = "kafka"\n[kafka]\n' + "".join(f'{name} = "{value}"\n' for name, value in lines.items()))
    return file


def sasl(folder, kafka, authority, topic, mechanism="PLAIN", **more):
    return config(folder, kafka.sasl, topic, security_protocol="SASL_SSL", ssl_ca_location=authority.certificate, sasl_mechanism=mechanism,
                  sasl_username=USER, **more)


def refusal(serve, file, **environment):
    """What a server says that can't start."""
    with pytest.raises(AssertionError) as error:
        serve(config=file, environment=environment)
    return str(error.value)


def holds_no_password(server, file):
    assert PASSWORD not in "".join(server.log)
    shown = subprocess.run([server.command()[0], "config", "print", f"--config={file}"], capture_output=True, text=True, timeout=60,
                           env={**os.environ, "MILLRACE_KAFKA_SASL_PASSWORD": PASSWORD})
    assert shown.returncode == 0 and USER in shown.stdout, shown.stdout + shown.stderr
    assert PASSWORD not in shown.stdout + shown.stderr
    for path in ("/v1/health", "/metrics"):
        assert PASSWORD.encode() not in server.request("GET", path)[2]


def client_version():
    """Of librdkafka, as kcat says it: kcat and the server share it."""
    said = subprocess.run(["kcat", "-V"], capture_output=True, text=True)
    found = re.search(r"librdkafka (\d+)\.(\d+)\.(\d+)", said.stdout + said.stderr)
    return tuple(int(part) for part in found.groups())


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
def test_events_through_a_user_with_a_password_are_stored_exactly_once(secured, authority, serve, tmp_path, mechanism):
    if mechanism != "PLAIN" and client_version() < (2, 6, 1):
        pytest.skip("brokers of Kafka 4 refuse SCRAM of librdkafka before 2.6.1")
    file = sasl(tmp_path, secured, authority, f"user-{mechanism.lower()}", mechanism, debug="security,broker")
    server = serve(config=file, environment={"MILLRACE_KAFKA_SASL_PASSWORD": PASSWORD}, log_level="debug")
    server.send(events(300, "a"))
    server.send(events(300, "a"))  # the same again
    server.wait_until_open()
    server.kill()
    server.start()
    server.send(events(300, "b"))
    server.wait_until_open()
    server.wait_until_stored()
    audit = server.health()["audit"]
    assert (audit["accepted"], audit["stored"], audit["repeats"], audit["holds"]) == (900, 600, 300, True), audit
    assert server.json("GET", "/v1/verify")["equal"]
    holds_no_password(server, file)
    server.stop()
    assert any("sasl" in line.lower() for line in server.log), "it says what it does, but not the password"


def test_a_certificate_of_its_own_with_an_encrypted_key_is_shown_to_the_brokers(secured, authority, serve, tmp_path):
    secret = secrets.token_hex(16)
    certificate, key = authority.issue("client", secret)
    file = config(tmp_path, secured.tls, "certificate", security_protocol="SSL", ssl_ca_location=authority.certificate,
                  ssl_certificate_location=certificate, ssl_key_location=key)
    server = serve(config=file, environment={"MILLRACE_KAFKA_SSL_KEY_PASSWORD": secret})
    server.send(events(100, "a"))
    server.wait_until_open()
    server.wait_until_stored()
    assert server.health()["audit"]["stored"] == 100
    assert secret not in "".join(server.log)
    server.stop()
    said = refusal(serve, file, MILLRACE_KAFKA_SSL_KEY_PASSWORD="another one")
    assert "ssl.key" in said and "another one" not in said, said


def test_a_wrong_password_is_said_with_the_settings_to_look_at(secured, authority, serve, tmp_path):
    file = sasl(tmp_path, secured, authority, "wrong", timeout="4s")
    wrong = secrets.token_hex(16)
    said = refusal(serve, file, MILLRACE_KAFKA_SASL_PASSWORD=wrong)
    last = said.strip().splitlines()[-1]
    assert "Authentication failed" in last and "kafka.sasl.password" in last and "kafka.sasl.username" in last, said
    assert wrong not in said, said


@pytest.mark.skipif(client_version() >= (2, 6, 1), reason="librdkafka is new enough")
def test_a_client_that_is_too_old_for_scram_is_told_to_use_another_mechanism(secured, authority, serve, tmp_path):
    file = sasl(tmp_path, secured, authority, "scram", "SCRAM-SHA-512", timeout="4s")
    last = refusal(serve, file, MILLRACE_KAFKA_SASL_PASSWORD=PASSWORD).strip().splitlines()[-1]
    assert "2.6.1" in last and "PLAIN" in last and PASSWORD not in last, last


def test_an_unknown_authority_is_said_with_the_settings_to_look_at(secured, serve, tmp_path):
    other = Authority(tmp_path, "another")
    file = sasl(tmp_path, secured, other, "unknown", timeout="4s")
    said = refusal(serve, file, MILLRACE_KAFKA_SASL_PASSWORD=PASSWORD)
    last = said.strip().splitlines()[-1]
    assert "certificate" in last and "kafka.ssl.ca.location" in last, said
    assert PASSWORD not in said, said


def test_plain_text_to_brokers_that_want_tls_names_the_setting(secured, serve, tmp_path):
    said = refusal(serve, config(tmp_path, secured.tls, "plain", timeout="4s"))
    assert "security.protocol" in said.strip().splitlines()[-1], said
