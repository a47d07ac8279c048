"""Checks requests and answers against docs/openapi.yaml: what the program says must be what its description says.

    check("POST", "/v1/query", 200, headers, body, request_body)
"""

import functools
import json
import pathlib
import re

import jsonschema
import yaml

DESCRIPTION = pathlib.Path(__file__).resolve().parents[2] / "docs/openapi.yaml"
PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


def _text_keys(value):
    if isinstance(value, dict):
        return {str(key): _text_keys(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_text_keys(item) for item in value]
    return value


@functools.lru_cache
def description():
    """The whole of it, with text as keys, as JSON has it."""
    return _text_keys(yaml.safe_load(DESCRIPTION.read_text(encoding="utf-8")))


def resolve(part):
    """Follows `$ref` of anything but a schema."""
    while "$ref" in part:
        target = description()
        for name in part["$ref"].removeprefix("#/").split("/"):
            target = target[name]
        part = target
    return part


def validate(value, schema, what):
    """The schema may refer to `#/components/…`: these lie beside it."""
    whole = {"allOf": [schema], "components": description()["components"]}
    validator = jsonschema.Draft202012Validator(whole, format_checker=jsonschema.FormatChecker())
    error = jsonschema.exceptions.best_match(validator.iter_errors(value))
    assert error is None, f"{what} doesn't match docs/openapi.yaml: {error.message} at {error.json_path} (of {str(value)[:1000]})"


def path_item(path):
    """What is described of a path, or None. A path that is written out goes before one with a parameter."""
    paths = description()["paths"]
    if path in paths:
        return paths[path]
    for template, item in paths.items():
        pattern = re.sub(r"\\{[^/]*?\\}", "[^/]+", re.escape(template))
        if re.fullmatch(pattern, path):
            return item
    return None


def described_responses(method, path):
    """Responses by status. What isn't described is answered 404 or 405 with a problem."""
    item = path_item(path)
    refused = {"404" if item is None else "405": {"content": PROBLEM}}
    operation = (item or {}).get(method.lower())
    return operation, (operation["responses"] if operation else refused)


def content_schema(content, headers, what):
    """The schema for the media type of `headers`, which must be described."""
    media_type = headers.get("content-type", "").split(";")[0].strip()
    assert media_type in content, f"{what}: the content type '{media_type}' isn't described, these are: {list(content)}"
    return media_type, content[media_type].get("schema", {})


def check_body(response, headers, body, what):
    content = response.get("content")
    if content is None:
        assert not body, f"{what}: a body that isn't described: {body[:200]!r}"
        return
    media_type, schema = content_schema(content, headers, what)
    text = body.decode("utf-8") if isinstance(body, bytes) else body
    value = json.loads(text, parse_constant=_not_json) if media_type.endswith("json") else text
    validate(value, schema, what)


def check_headers(response, headers, what):
    for name, header in response.get("headers", {}).items():
        value = headers.get(name.lower())
        assert value is not None or not header.get("required"), f"{what}: the header {name} is missing"
        if value is not None:
            validate(value, header["schema"], f"{what}: header {name}")


def check_request(operation, body, answer, what):
    """What was accepted must have been described. Bodies that aren't one JSON text (NDJSON, packed ones) have no schema."""
    try:
        value = json.loads(body)
    except (ValueError, UnicodeDecodeError):
        return
    content = operation.get("requestBody", {}).get("content", {})
    rejected = isinstance(answer, dict) and answer.get("rejected_count")
    if "application/json" in content and not rejected:
        validate(value, content["application/json"]["schema"], f"{what}: the request")


def _not_json(constant):
    raise AssertionError(f"{constant} is not JSON")


def check(method, path, status, headers, body, request_body=None):
    """Asserts that method, path, status and content type are described, and that both bodies match. `headers` are the answer's."""
    headers = {name.lower(): value for name, value in dict(headers).items()}
    is_head = method == "HEAD"
    operation, responses = described_responses("GET" if is_head else method, path)
    what = f"{method} {path} {status}"
    assert str(status) in responses, f"{what}: this status isn't described, these are: {list(responses)}; body: {body[:500]!r}"
    response = resolve(responses[str(status)])
    check_headers(response, headers, what)
    if is_head:
        assert not body, f"{what}: an answer to HEAD has no body"
        return
    check_body(response, headers, body, what)
    if operation and 200 <= status < 300 and request_body:
        answer = json.loads(body) if headers.get("content-type", "").startswith("application/json") else None
        check_request(operation, request_body, answer, what)
