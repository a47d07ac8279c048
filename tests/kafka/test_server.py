"""`millrace serve` with its stream on Kafka: two lines of settings, one broker."""

import subprocess

import brokers
import record_reader


def events(count, prefix="e"):
    return [{"event": "buy", "user_id": f"u{i % 17}", "message_id": f"{prefix}-{i}", "properties": {"n": i}} for i in range(count)]


def test_two_settings_move_the_stream_to_kafka(kafka, start):
    server = start(kafka, "two-settings")
    answer = server.send(events(500))
    assert answer["accepted"] == 500
    server.send(events(500))  # the same again: repeats
    server.wait_until_open()
    server.wait_until_stored()
    audit = server.health()["audit"]
    assert (audit["accepted"], audit["stored"], audit["repeats"], audit["holds"]) == (1000, 500, 500, True), audit
    assert not (server.folder / "log").exists()
    assert server.json("GET", "/v1/verify")["equal"]
    server.stop()


def test_a_restart_goes_on_where_it_was(kafka, start):
    server = start(kafka, "restart", stream_partitions=3)
    server.send(events(300, "first"))
    server.wait_until_open()
    server.wait_until_stored()
    server.send(events(300, "second"))
    server.kill()
    server.start()
    server.send(events(300, "third"))
    server.send(events(300, "first"))
    server.wait_until_open()
    server.wait_until_stored()
    audit = server.health()["audit"]
    assert (audit["accepted"], audit["stored"], audit["repeats"], audit["holds"]) == (1200, 900, 300, True), audit
    assert server.json("GET", "/v1/verify")["equal"]
    server.stop()


def test_a_lost_data_folder_is_made_again_from_the_topic(kafka, start):
    first = start(kafka, "folder-lost", folder="one")
    first.send(events(200))
    first.stop()
    second = start(kafka, "folder-lost", folder="two")
    second.send(events(200))
    second.wait_until_open()
    second.wait_until_stored()
    audit = second.health()["audit"]
    assert (audit["accepted"], audit["stored"], audit["repeats"]) == (400, 200, 200), audit
    second.stop()


def test_kcat_reads_what_millrace_wrote(kafka, start):
    server = start(kafka, "readable", stream_partitions=2)
    sent = events(40)
    server.send(sent)
    server.stop()
    lines = brokers.kcat(kafka, "-C", "-t", "readable", "-o", "beginning", "-e", "-q", "-f", "%p\t%h\t%S\n").decode().splitlines()
    heads = [record_reader.info(line.split("\t")[1].removeprefix("millrace=")) for line in lines]
    assert sum(int(head["events"]) for head in heads) == 40
    assert {head["v"] for head in heads} == {"1"} and {line.split("\t")[0] for line in lines} == {"0", "1"}
    read = []
    for partition in ("0", "1"):
        record = brokers.kcat(kafka, "-C", "-t", "readable", "-p", partition, "-o", "beginning", "-e", "-q", "-D", "")
        read += record_reader.events(record)  # one message a partition
    assert sorted(one["id"] for one in read) == sorted(one["message_id"] for one in sent)
    assert all(one["properties"] == {"n": int(one["id"].split("-")[1])} for one in read)


def test_what_kcat_writes_into_the_topic_is_passed_over(kafka, start):
    server = start(kafka, "foreign")
    server.send(events(10, "before"))
    brokers.kcat(kafka, "-P", "-t", "foreign", "-p", "0", data=b"not an event\nnor this\n")
    server.send(events(10, "behind"))
    server.wait_until_open()
    server.wait_until_stored()
    audit = server.health()["audit"]
    assert (audit["accepted"], audit["stored"], audit["holds"]) == (20, 20, True), audit
    assert server.metrics()["millrace_stream_skipped_messages_total"] == 2
    server.stop()


def test_a_folder_belongs_to_one_kind_of_stream(kafka, start):
    server = start(kafka, "kinds")
    server.stop()
    flags = ["--listen=127.0.0.1:0", f"--data={server.folder}"]
    done = subprocess.run([server.command()[0], "serve", *flags], capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and "set it to kafka" in done.stderr, done.stderr
