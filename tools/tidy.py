#!/usr/bin/env python3
"""Rules of the house that a compiler doesn't know. Prints `file:line: rule: what to do` for each one broken.

    tools/tidy.py [FOLDER]

Looks at every file that git knows or would add. tools/tidy_test.py breaks each rule on purpose.
"""

import fnmatch
import pathlib
import re
import subprocess
import sys

# A module may include itself and modules of lower levels; never one of its own level. docs/ARCHITECTURE.md has the picture.
LEVELS = {
    "base": 0,
    "io": 1, "model": 1,
    "http": 2,
    "stream": 3, "store": 3, "control": 3, "views": 3,
    "ingest": 4, "process": 4, "query": 4, "engine": 4, "load": 4, "demo": 4,
    "app": 5,
    "cmd": 6,
}
# Lower ones that a module still must not know.
STRANGERS = {
    "http": {"model"},  # it knows nothing of events
    "engine": {"model", "stream", "store", "control"},  # a process of its own, which only speaks HTTP
}
# What only tests are made of.
TEST_FILES = ["*_test.cc", "*_contract.h", "*_contract.cc", "*/test_*", "*_test_*", "*_for_test.*", "*_fixture.h"]
# Includes that begin so -> the files that may have them.
THIRD_PARTY = [
    ("boost/", ["src/http/*", "src/ingest/*_for_test.h"]),
    ("openssl/", ["src/http/*", "src/control/*"]),
    ("simdjson", ["src/base/json.cc", "src/base/utf8.cc", "src/ingest/*"]),
    ("xxhash", ["src/base/xxh.h"]),
    ("zstd", ["src/http/*", "src/cmd/*", "src/ingest/*_test.cc", "src/views/*_for_test.h"]),
    ("zlib", ["src/http/*", "src/cmd/*", "src/ingest/*_test.cc"]),
    ("toml++/", ["src/base/settings_toml.cc"]),
    ("spdlog/", ["src/base/log.cc"]),
    ("librdkafka/", ["src/stream/kafka/*"]),
    ("CLI/", ["src/cmd/*"]),
    ("seccomp", ["src/engine/*"]),
    ("fmt/", ["src/*"]),
    ("gtest/", TEST_FILES),
    ("gmock/", TEST_FILES),
    ("benchmark/", ["*_bench.cc"]),
    ("sanitizer/", ["*_fuzz.cc"]),
]
# POSIX and Linux: only where the operating system is dealt with.
SYSTEM_HEADER = re.compile(r"(sys|netinet|arpa|linux|net)/|(unistd|fcntl|poll|signal|sched|pthread|dlfcn|dirent|netdb)\.h$")
SYSTEM_FOLDERS = ["src/io/*", "src/load/*", "src/http/*", "src/engine/*", "src/app/*", "src/cmd/*", "*_bench.cc", *TEST_FILES]
C_HEADERS = {"nmmintrin.h", "stdlib.h", "string.h", "time.h"}

# Time, files and chance come from io, so that tests can set them. The command line is no part of the server.
MACHINE = re.compile(r"<fstream>|\b(system_clock|steady_clock)::now|\brandom_device\b|\b(sleep_for|sleep_until|usleep|nanosleep)\b")
MACHINE_FOLDERS = ["src/io/*", "src/cmd/*", "*_bench.cc", *TEST_FILES]

LINES_MAX = 600
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX)\b|\bDISABLED_")
TEST_SLEEP = re.compile(r"\b(sleep_for|sleep_until|usleep|nanosleep)\b|(?<![\w.:>])sleep\(")
SKIP = re.compile(r"GTEST_SKIP\(\)(?!\s*<<\s*\")")
NOLINT = re.compile(r"NOLINT(NEXTLINE|BEGIN|END)?(?!\w|\()")
MACHINE_PATH = re.compile(r"(?<![\w.~}*-])/(work|root|home/\w+|tmp/build\w*)/")
REGISTRY = re.compile(r"\b(registry\.npmjs\.org|registry\.yarnpkg\.com|npmjs\.com|pypi\.org|pythonhosted\.org|deb\.debian\.org|"
                      r"crates\.io|proxy\.golang\.org|repo1?\.maven\.org|docker\.io|quay\.io)\b|\"resolved\"\s*:\s*\"http")
TEXT = {".h", ".cc", ".inc", ".py", ".sh", ".md", ".toml", ".json", ".yaml", ".yml", ".txt", ".cmake", ".service", ".js", ".mjs",
        ".ts", ".tsx", ".css", ".html", ".svg", ""}
# Where rules are written down, what they forbid has to be named.
ABOUT_RULES = {"tools/tidy.py", "tools/tidy_test.py"}


def matches(path, patterns):
    return any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)


class Tree:
    """The files under a folder, by path, with their lines."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=folder, check=True,
                                capture_output=True, text=True).stdout
        paths = sorted({path for path in listed.split("\0") if path and (self.folder / path).is_file()})
        self.paths = set(paths)
        self.text = {path: (self.folder / path).read_text(encoding="utf-8", errors="replace")
                     for path in paths if pathlib.Path(path).suffix in TEXT}
        self.lines = {path: text.split("\n") for path, text in self.text.items()}

    def source(self):
        """Lines of C++ in src: path, number, line."""
        for path, lines in self.lines.items():
            if path.startswith("src/") and path.endswith((".h", ".cc", ".inc")):
                for number, line in enumerate(lines, 1):
                    yield path, number, line

    def all(self):
        for path, lines in self.lines.items():
            if path not in ABOUT_RULES:
                for number, line in enumerate(lines, 1):
                    yield path, number, line


def is_memory_in_test(path, header):
    """The kinds in memory are there for tests and benchmarks."""
    return header.split("/")[1] == "memory" and matches(path, [*TEST_FILES, "*_bench.cc"])


def layers(tree):
    """Modules include lower ones only, and keep out of each other's rooms."""
    for path, number, line in tree.source():
        found = re.match(r'\s*#include "([^"]+)"', line)
        if not found:
            continue
        module, other = path.split("/")[1], found[1].split("/")[0]
        if module not in LEVELS or other not in LEVELS:
            yield path, number, f'"{found[1]}" is in no known module: includes begin at src/; a new module gets a row in tools/tidy.py'
        elif other != module and LEVELS[other] == LEVELS[module]:
            yield path, number, f"{module} includes its sibling {other}: move what both need to a lower module, or let app connect them"
        elif LEVELS[other] > LEVELS[module]:
            yield path, number, f"{module} (L{LEVELS[module]}) includes {other} (L{LEVELS[other]}), which is above it: turn the dependency around"
        elif other in STRANGERS.get(module, ()):
            yield path, number, f"{module} must not know {other}"
        elif other != module and module != "app" and found[1].count("/") > 1 and not is_memory_in_test(path, found[1]):
            yield path, number, f'"{found[1]}" is a private room of {other}: use the headers in src/{other}/ itself'


def third_party(tree):
    """A library's headers are seen by one folder, the operating system's by few."""
    for path, number, line in tree.source():
        found = re.match(r"\s*#include <([^>]+)>", line)
        if not found or re.fullmatch(r"[a-z0-9_]+", found[1]) or found[1] in C_HEADERS:
            continue
        if SYSTEM_HEADER.match(found[1]):
            allowed = SYSTEM_FOLDERS
        else:
            allowed = next((files for begin, files in THIRD_PARTY if found[1].startswith(begin)), None)
        if allowed is None:
            yield path, number, f"<{found[1]}> is of no known library: a new one gets a row in tools/tidy.py and in docs/adr/0001-dependencies.md"
        elif not matches(path, allowed):
            yield path, number, f"<{found[1]}> may be included by {', '.join(allowed)} only: put an adapter there"


def machine(tree):
    """Clocks, files and chance come from io."""
    for path, number, line in tree.source():
        if MACHINE.search(line.split("//")[0]) and not matches(path, MACHINE_FOLDERS):
            yield path, number, "take time, files and randomness from io/, so that a test can set them"


def headers(tree):
    """Every header is guarded."""
    for path, lines in tree.lines.items():
        if path.startswith("src/") and path.endswith(".h") and lines[0] != "#pragma once":
            yield path, 1, "the first line of a header is #pragma once"


def size(tree):
    """Files that one can read in one sitting."""
    for path, lines in tree.lines.items():
        if path.endswith((".h", ".cc", ".py", ".sh", ".js", ".mjs", ".ts", ".tsx")) and len(lines) > LINES_MAX + 1:
            yield path, LINES_MAX + 1, f"{len(lines) - 1} lines: split it by what its parts do (at most {LINES_MAX})"


def names(tree):
    """snake_case files, CamelCase tests."""
    for path in tree.paths:
        if path.startswith("src/") and path.endswith((".h", ".cc", ".inc")) and not re.fullmatch(r"[a-z0-9_/]+\.(h|cc|inc)", path):
            yield path, 1, "files are named in snake_case"
    for path, number, line in tree.source():
        found = re.match(r"\s*(TEST|TEST_F|TEST_P|TYPED_TEST)\(\w+, *(\w+)\)", line)
        if found and not re.fullmatch(r"[A-Z][A-Za-z0-9]+", found[2]):
            yield path, number, f"{found[2]}: a test's name is a sentence in CamelCase, such as TornTailIsDroppedAndReported"


def shared_ownership(tree):
    """No shared_ptr without a reason written down: in its line, in the line before, or in a comment of its folder that names it."""
    reasons = {path.rpartition("/")[0] for path, _, line in tree.source() if re.search(r"//.*shared_ptr", line)}
    for path, number, line in tree.source():
        if re.search(r"std::(shared_ptr|make_shared)\b", line.split("//")[0]) and not matches(path, TEST_FILES):
            near = tree.lines[path][max(0, number - 2):number]
            if path.rpartition("/")[0] not in reasons and not any("//" in one for one in near):
                yield path, number, "say in a comment `// shared_ptr: …` why one owner is not enough, or have one owner"


def unfinished(tree):
    """Nothing is left for later, and no check is silenced without saying which."""
    for path, number, line in tree.all():
        if UNFINISHED.search(line):
            yield path, number, "finish it, or take it out"
        if path.endswith((".h", ".cc")):
            if SKIP.search(line):
                yield path, number, 'a skipped test says why: GTEST_SKIP() << "…"'
            if NOLINT.search(line):
                yield path, number, "name the check: NOLINT(the-check)"


def sleeping_tests(tree):
    """A sleep is no synchronisation."""
    for path, number, line in tree.source():
        if matches(path, TEST_FILES) and TEST_SLEEP.search(line.split("//")[0]):
            yield path, number, "wait for what must happen (a latch, a condition, a manual clock), not for time to pass"


def places(tree):
    """Nothing names one person's machine or where packages are downloaded from."""
    for path, number, line in tree.all():
        if MACHINE_PATH.search(line):
            yield path, number, "a path of one machine: make it relative, or take it from the environment"
        if REGISTRY.search(line):
            yield path, number, "a registry's address: the package client's own configuration knows it"


def layout(tree):
    """Plain text files."""
    for path, number, line in tree.all():
        if line != line.rstrip():
            yield path, number, "blanks at the end of the line"
        if "\t" in line and path != "Makefile" and not path.startswith("tests/golden/"):
            yield path, number, "a tab: use blanks"
    for path, text in tree.text.items():
        if text and not text.endswith("\n"):
            yield path, text.count("\n") + 1, "the last line has no end"


def documents(tree):
    """What source and documents point to is there."""
    folders = {"/".join(path.split("/")[:depth]) for path in tree.paths for depth in range(1, path.count("/") + 1)}

    def is_there(target):
        return target.rstrip("/") in tree.paths or target.rstrip("/") in folders

    for path, number, line in tree.all():
        if path.startswith("src/"):
            for target in re.findall(r"\bdocs/[\w/.-]+\.(?:md|yaml)\b", line):
                if not is_there(target):
                    yield path, number, f"{target} is not there: write it, or point to what is"
        elif path.endswith(".md"):
            for target in re.findall(r"\]\(([^)#: ]+)(?:#[^)]*)?\)", line):
                target = pathlib.PurePosixPath(path).parent.joinpath(target)
                parts = []
                for part in target.parts:
                    parts = parts[:-1] if part == ".." else parts if part == "." else parts + [part]
                if not is_there("/".join(parts)):
                    yield path, number, f"links to {'/'.join(parts)}, which is not there"
            for target in re.findall(r"`((?:src|docs|tools|tests|bench|deploy|config|cmake|deps)/[\w/.-]*\w/?)`", line):
                if not is_there(target):
                    yield path, number, f"names {target}, which is not there"


def decisions(tree):
    """Each decision has a number of its own."""
    seen = {}
    for path in sorted(tree.paths):
        found = re.fullmatch(r"docs/adr/(.*)", path)
        if found:
            number = re.match(r"(\d{4})-[a-z0-9-]+\.md$", found[1])
            if not number:
                yield path, 1, "a decision's file is named NNNN-what-it-says.md"
            elif number[1] in seen:
                yield path, 1, f"the number of {seen[number[1]]} too: take the next free one"
            else:
                seen[number[1]] = path


def tables(tree):
    """Every setting is read and every metric counted by somebody."""
    code = {path: text for path, text in tree.text.items()
            if path.startswith("src/") and path.endswith((".h", ".cc")) and not re.search(r"_(test|bench|fuzz)\.cc$", path)}

    def used(word, but):
        return any(re.search(rf"\b{word}\b", text) for path, text in code.items() if not path.startswith(but))

    for table, but, row, what in (("src/base/settings_table.inc", "src/base/settings", r"MR_SETTING\(\w+, (\w+),", "no one reads this setting"),
                                  ("src/base/metrics_table.inc", "src/base/metrics", r"MR_METRIC\((\w+),", "no one counts this metric")):
        for number, line in enumerate(tree.lines.get(table, ()), 1):
            found = re.match(row, line)
            if found and not used(found[1], but):
                yield table, number, f"{what}, {found[1]}: use it, or take it out"


RULES = [layers, third_party, machine, headers, size, names, shared_ownership, unfinished, sleeping_tests, places, layout, documents,
         decisions, tables]


def check(folder):
    tree = Tree(folder)
    return [(path, line, rule.__name__, what) for rule in RULES for path, line, what in rule(tree)]


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[1]
    findings = check(folder)
    for path, line, rule, what in sorted(findings):
        print(f"{path}:{line}: {rule}: {what}")
    print(f"tidy: {len(findings)} findings by {len(RULES)} rules")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
