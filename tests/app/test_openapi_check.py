"""The checker finds what it is there to find, and the description's own examples are true."""

import json

import jsonschema
import pytest

from openapi_check import check, description, resolve, validate

JSON = {"Content-Type": "application/json"}
PROBLEM_JSON = {"Content-Type": "application/problem+json"}
PROBLEM = {"type": "urn:millrace:error:not-found", "title": "No", "status": 404, "detail": "None."}
AS_OF = {"position": "1/0:3", "lag_ms": 0, "partitions": [{"partition": 0, "stored_until": 3, "durable_end": 3, "lag_ms": 0}]}


def answer(**changes):
    whole = {
        "columns": [{"name": "time", "type": "time", "unit": "ms", "values": [0]}, {"name": "count", "type": "integer", "values": [3]}],
        "rows": 1,
        "as_of": AS_OF,
        "elapsed_ms": 1.5,
        "rows_read": 3,
        "cut": None,
    }
    return json.dumps({**whole, **changes}).encode()


def test_a_described_answer_passes():
    check("POST", "/v1/query", 200, JSON, answer(), json.dumps({"range": "7d"}))


def test_members_that_are_not_described_are_found():
    with pytest.raises(AssertionError, match="surprise"):
        check("POST", "/v1/query", 200, JSON, answer(surprise=1))


def test_values_of_another_type_than_their_column_are_found():
    with pytest.raises(AssertionError):
        check("POST", "/v1/query", 200, JSON, answer(columns=[{"name": "count", "type": "integer", "values": ["3"]}]))


def test_a_status_that_is_not_described_is_found():
    with pytest.raises(AssertionError, match="status"):
        check("POST", "/v1/query", 418, PROBLEM_JSON, json.dumps(PROBLEM))


def test_a_content_type_that_is_not_described_is_found():
    with pytest.raises(AssertionError, match="content type"):
        check("POST", "/v1/query", 200, {"Content-Type": "text/html"}, answer())


def test_an_accepted_request_that_is_not_described_is_found():
    with pytest.raises(AssertionError, match="request"):
        check("POST", "/v1/query", 200, JSON, answer(), json.dumps({"range": "7d", "measures": ["median(x)"]}))


def test_retry_after_is_asked_for_with_429():
    problem = json.dumps({**PROBLEM, "status": 429})
    with pytest.raises(AssertionError, match="Retry-After"):
        check("POST", "/v1/query", 429, PROBLEM_JSON, problem)
    check("POST", "/v1/query", 429, {**PROBLEM_JSON, "retry-after": "1"}, problem)


def test_unknown_paths_and_methods_are_answered_with_problems():
    check("GET", "/nowhere", 404, PROBLEM_JSON, json.dumps(PROBLEM))
    check("PATCH", "/v1/query", 405, PROBLEM_JSON, json.dumps({**PROBLEM, "status": 405}))
    with pytest.raises(AssertionError):
        check("GET", "/nowhere", 200, JSON, b"{}")


def test_paths_with_parameters_and_empty_answers():
    check("DELETE", "/v1/keys/abcdefgh", 204, {}, b"")
    with pytest.raises(AssertionError, match="isn't described"):
        check("DELETE", "/v1/keys/abcdefgh", 204, {}, b"surprise")


def examples():
    """(schema, example) of everything in the description that has both."""

    def walk(part, where):
        if isinstance(part, dict):
            if "example" in part and "schema" in part:
                yield part["schema"], part["example"], where
            if isinstance(part.get("examples"), dict) and "schema" in part:
                for name, example in part["examples"].items():
                    yield part["schema"], example["value"], f"{where}/{name}"
            if isinstance(part.get("examples"), list):
                for example in part["examples"]:
                    yield part, example, where
            for name, inner in part.items():
                yield from walk(inner, f"{where}/{name}")
        elif isinstance(part, list):
            for index, inner in enumerate(part):
                yield from walk(inner, f"{where}/{index}")

    return list(walk(description(), ""))


@pytest.mark.parametrize("schema,example,where", examples(), ids=lambda value: value if isinstance(value, str) else "")
def test_examples_match_their_schemas(schema, example, where):
    validate(example, schema, where)


def test_every_schema_is_a_schema_and_is_used():
    text = json.dumps(description())
    for name, schema in description()["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert f'"#/components/schemas/{name}"' in text, f"nothing uses {name}"


def test_every_operation_says_what_it_answers_to_the_unwelcome():
    for path, item in description()["paths"].items():
        for method, operation in item.items():
            security = operation.get("security", description()["security"])
            if security and {} not in security:
                assert {"401", "403"} <= set(operation["responses"]), f"{method} {path}"
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    assert list(resolve(response)["content"]) == ["application/problem+json"], f"{method} {path} {status}"
