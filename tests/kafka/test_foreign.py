"""A topic that somebody else made, and writes into as well."""

import brokers


def events(count, prefix, size=0):
    return [{"event": "buy", "user_id": "u1", "message_id": f"{prefix}-{i}", "properties": {"text": "x" * size}} for i in range(count)]


def make_topic(kafka, name, **configs):
    settings = [word for key, value in configs.items() for word in ("--config", f"{key.replace('_', '.')}={value}")]
    kafka.tool("org.apache.kafka.tools.TopicCommand", "--create", "--topic", name, "--partitions", "1", "--replication-factor", "1",
               "--bootstrap-server", kafka.address, *settings)


def test_what_is_too_large_for_the_topic_is_refused_and_the_rest_is_taken(kafka, start):
    make_topic(kafka, "small", max_message_bytes=100_000)
    server = start(kafka, "small")
    assert any("max.message.bytes" in line for line in server.log), server.log
    answer = server.send(events(200, "large", 600), expect=413)
    assert "95904" in answer["detail"], answer
    server.send(events(100, "fits", 600))
    for i in range(20):
        server.send(events(100, f"many-{i}", 600))
    server.wait_until_open()
    server.wait_until_stored()
    audit = server.health()["audit"]
    assert (audit["accepted"], audit["stored"], audit["holds"]) == (2_100, 2_100, True), audit
    server.stop()


def test_as_json_only_an_event_that_is_too_large_for_the_topic_is_refused(kafka, start):
    make_topic(kafka, "small-json", max_message_bytes=100_000)
    server = start(kafka, "small-json", kafka_message="json", kafka_compression="none")
    for i in range(5):
        server.send(events(2_000, f"many-{i}", 600))  # 1.4 MB each, of which Kafka's client makes batches that fit
    answer = server.send([*events(2, "before"), *events(1, "large", 97_000)], expect=413)
    assert "95904" in answer["detail"], answer
    server.send(events(1, "fits", 90_000))
    server.wait_until_open()
    server.wait_until_stored()
    audit = server.health()["audit"]
    assert (audit["accepted"], audit["stored"], audit["holds"]) == (10_001, 10_001, True), audit
    server.stop()


def test_a_topic_for_tiny_messages_is_refused(kafka, start):
    make_topic(kafka, "tiny", max_message_bytes=10_000)
    try:
        start(kafka, "tiny")
    except AssertionError as error:
        assert "set its max.message.bytes to" in str(error), error
    else:
        raise AssertionError("the server started")


def test_transactions_of_others_are_passed_over(kafka, start):
    """Their messages, and the marks at their ends, which no reader is shown."""
    server = start(kafka, "transactions")
    server.send(events(10, "before"))
    for name in ("one", "two"):
        kafka.tool("org.apache.kafka.tools.ProducerPerformance", "--topic", "transactions", "--num-records", "5", "--record-size", "10",
                   "--throughput", "-1", "--transactional-id", name, "--transaction-duration-ms", "1000",
                   "--producer-props", f"bootstrap.servers={kafka.address}")
        server.send(events(10, name))
    kafka.tool("org.apache.kafka.tools.ProducerPerformance", "--topic", "transactions", "--num-records", "5", "--record-size", "10",
               "--throughput", "-1", "--transactional-id", "last", "--transaction-duration-ms", "1000",
               "--producer-props", f"bootstrap.servers={kafka.address}")
    server.stop()
    server.start()
    server.send(events(10, "behind"))
    server.wait_until_open()
    server.wait_until_stored()
    audit = server.health()["audit"]
    assert (audit["accepted"], audit["stored"], audit["holds"]) == (40, 40, True), audit
    assert server.json("GET", "/v1/verify")["equal"]
    server.stop()
