"""The same kind of events as `millrace load` makes, as bodies for each peer: about 310 bytes as JSON on average, 100,000 users by Zipf's law,
50 projects, 20 event names, 5,000 paths."""

import itertools
import json
import random

NAMES = ["page_view", "click", "search", "add_to_cart", "checkout", "purchase", "login", "logout", "share", "like", "comment", "upload", "download",
         "play", "pause", "error", "signup", "invite", "rate", "refund"]  # fmt: skip
PLANS = ["free", "pro", "team", "enterprise"]
NUMBER = "@" * 19  # post_load writes a rising number there


def events(count, seed=1):
    chance = random.Random(seed)
    weights = list(itertools.accumulate(1 / (k + 1) ** 1.1 for k in range(100_000)))
    for number, user in enumerate(chance.choices(range(100_000), cum_weights=weights, k=count)):
        yield {
            "event": chance.choice(NAMES), "user_id": f"u{user:08}", "session_id": f"s{user:08}x{chance.randrange(50):02}",
            "timestamp": "2026-03-01T10:00:00.000Z", "message_id": f"bench{number:015}",
            "properties": {"path": f"/p/{chance.randrange(5000):04}", "project": f"project-{chance.randrange(50):02}", "plan": chance.choice(PLANS),
                           "price": round(chance.uniform(0, 500), 2), "items": chance.randrange(20), "mobile": chance.random() < 0.5,
                           "note": "x" * chance.randrange(90)},
        }  # fmt: skip


def as_json(event):
    return json.dumps(event, separators=(",", ":"))


def as_line_protocol(event, measurement="events"):
    p = event["properties"]
    return (f'{measurement},event={event["event"]},project={p["project"]},plan={p["plan"]} user_id="{event["user_id"]}",session_id="{event["session_id"]}",'
            f'message_id="{event["message_id"]}",path="{p["path"]}",price={p["price"]},items={p["items"]}i,mobile={"t" if p["mobile"] else "f"},'
            f'note="{p["note"]}" {NUMBER}')  # fmt: skip


def as_copy(event):
    return "\t".join([event["event"], event["user_id"], event["session_id"], event["timestamp"], event["message_id"], as_json(event["properties"])])


def bodies(form, events_a_body, at_least=16):
    """Bodies of `events_a_body` lines each, with 8,192 different events over all."""
    count = max(at_least, 8192 // events_a_body)
    lines = [form(event) for event in events(count * events_a_body)]
    return ["\n".join(lines[i * events_a_body:(i + 1) * events_a_body]) + "\n" for i in range(count)]  # fmt: skip


def write(path, form, events_a_body):
    """In the form that post_load reads."""
    with open(path, "w") as file:
        for body in bodies(form, events_a_body):
            file.write(f"{len(body)}\n{body}")
    return path
