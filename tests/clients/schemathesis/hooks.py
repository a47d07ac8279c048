"""How Schemathesis writes NDJSON: one value a line."""

import json

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def ndjson(context, value):
    if isinstance(value, bytes):
        return value
    values = value if isinstance(value, list) else [value]
    return "\n".join(one if isinstance(one, str) else json.dumps(one) for one in values).encode()
