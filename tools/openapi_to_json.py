#!/usr/bin/env python3
"""Turns the API's description in YAML into a C++ file that holds it as JSON text.

    openapi_to_json.py docs/openapi.yaml openapi_json.cc

The text is an array of bytes: string literals of this size are beyond what compilers must take.
"""

import json
import sys

import yaml


class UniqueKeys(yaml.SafeLoader):
    """Refuses a key that is there twice: YAML readers differ in which one they keep."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        repeated = {key for key in keys if keys.count(key) > 1}
        if repeated:
            raise yaml.constructor.ConstructorError(None, None, f"repeated keys: {repeated}", node.start_mark)
        return super().construct_mapping(node, deep)


def text_keys(value):
    """JSON's keys are text; YAML reads `200:` as a number."""
    if isinstance(value, dict):
        return {str(key): text_keys(item) for key, item in value.items()}
    if isinstance(value, list):
        return [text_keys(item) for item in value]
    return value


def cpp(text):
    data = text.encode()
    lines = [",".join(str(byte) for byte in data[at : at + 32]) for at in range(0, len(data), 32)]
    return (
        "// Made from docs/openapi.yaml by tools/openapi_to_json.py.\n"
        '#include "query/openapi.h"\n\n'
        "namespace millrace {\nnamespace {\n"
        "constexpr unsigned char kText[] = {\n" + ",\n".join(lines) + "};\n"
        "}  // namespace\n\n"
        "std::string_view openapi_json() { return {reinterpret_cast<const char*>(kText), sizeof kText}; }\n\n"
        "}  // namespace millrace\n"
    )


def main():
    source, target = sys.argv[1:]
    with open(source, encoding="utf-8") as file:
        description = text_keys(yaml.load(file, UniqueKeys))
    with open(target, "w", encoding="utf-8") as file:
        file.write(cpp(json.dumps(description, ensure_ascii=False, separators=(",", ":"), allow_nan=False)))


main()
