"""`millrace serve` with its stream on Kafka: two lines of settings, one broker."""

import json
import shutil
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


def test_kcat_reads_events_as_json(kafka, start):
    server = start(kafka, "as-json", stream_partitions=2, kafka_message="json")
    sent = [{"event": "buy", "user_id": f"u{i % 7}", "anonymous_id": "a", "session_id": "s\n", "message_id": f"m-{i}", "timestamp": "2012-03-18T06:16:09.123Z",
             "sent_at": "2012-03-18T06:16:10Z", "properties": {"n": i, "name": "Größe \"}", "of": [1, {"x": None}]}, "context": {"page": "/"}} for i in range(40)]
    server.send(sent)
    server.send([{"event": "view", "user_id": "u1"}], headers={"Content-Type": "application/json", "Idempotency-Key": "once"})
    server.stop()
    lines = brokers.kcat(kafka, "-C", "-t", "as-json", "-o", "beginning", "-e", "-q", "-f", "%k\t%h\t%s\n").decode().splitlines()
    read = [json.loads(line.split("\t")[2]) for line in lines]
    assert sorted((one for one in read if one["event"] == "buy"), key=lambda one: one["properties"]["n"]) == sent
    assert all(line.split("\t")[0] == one["user_id"] for line, one in zip(lines, read, strict=True))
    heads = [dict(word.split("=", 1) for word in line.split("\t")[1].split(",")) for line in lines]
    assert {head["project"] for head in heads} == {"default"}
    infos = [record_reader.info(line.split("\t")[1].split(",")[0].removeprefix("millrace=")) for line in lines]
    assert {(info["v"], info["format"], info["events"]) for info in infos} == {("3", "json", "1")}
    assert ["batch_id" in head for head in heads] == [one["event"] == "view" for one in read]


def test_both_forms_lie_in_one_topic_and_events_are_stored_once(kafka, start):
    server = start(kafka, "forms", stream_partitions=2)
    for i, form in enumerate(("packed", "json", "packed", "json")):
        server.stop()
        server.settings["kafka_message"] = form
        server.start()
        server.send(events(200, f"form-{i}"))
        server.send(events(200, "form-0"))  # repeats, in the other form
        server.send([{"event": "buy", "user_id": f"u{k}"} for k in range(3)],
                    headers={"Content-Type": "application/json", "Idempotency-Key": "once"})
        server.wait_until_open()
    server.wait_until_stored()
    audit = server.health()["audit"]
    assert (audit["accepted"], audit["stored"], audit["repeats"], audit["holds"]) == (1612, 803, 809, True), audit
    assert server.json("GET", "/v1/verify")["equal"]
    server.kill()
    shutil.rmtree(server.folder / "kafka")  # the places are made again from the topic
    server.start()
    server.wait_until_open()
    server.wait_until_stored()
    assert server.health()["audit"]["holds"] and server.json("GET", "/v1/verify")["equal"]
    server.stop()


def test_another_server_may_take_events_from_a_topic_of_json(kafka, start, serve):
    first = start(kafka, "handed-on", folder="first", kafka_message="json")
    first.send(events(50))
    first.stop()
    second = serve(folder="second", source_kafka_topic="handed-on", source_kafka_brokers=kafka.address)
    second.wait_until_open()
    brokers.until(lambda: second.health()["audit"]["stored"] == 50, "all events are there")
    second.stop()


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
