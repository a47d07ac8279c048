"""Reads messages of Millrace as docs/formats/kafka-message.md and docs/formats/record.md say: a reader that shares no code with it."""

import json
import struct


def info(header):
    """{"v": "1", "events": "3", ...} of the header's text."""
    return dict(word.split("=", 1) for word in header.split(" "))


def events(record):
    """The events of a record, as dicts."""
    version, length = record[0], record[1]
    assert version == 1
    project = record[2:2 + length].decode()
    at = 2 + length
    while at < len(record):
        size, = struct.unpack_from("<I", record, at)
        yield {"project": project, **_event(record[at + 4:at + 4 + size])}
        at += 4 + size


def _event(body):
    kind, time, _ = struct.unpack_from("<Bqq", body)
    lengths = struct.unpack_from("<5H2IH", body, 17)
    at = 17 + 10 + 8 + 2
    texts = []
    for length in lengths[:7]:
        texts.append(body[at:at + length].decode())
        at += length
    assert at + 6 * lengths[7] == len(body)
    name, user, anonymous, session, event_id, properties, context = texts
    return {"event": name, "user_id": user, "anonymous_id": anonymous, "session_id": session, "id": event_id, "id_kind": kind,
            "time": time, "properties": json.loads(properties), "context": json.loads(context)}
