#!/usr/bin/env python3
"""Breaks each rule of tidy.py on purpose: a rule that finds nothing here would find nothing at all."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import tidy  # noqa: E402

# rule -> files that break it, each in one place
BROKEN = {
    "layers": [
        {"src/base/a.cc": '#include "io/file.h"\n'},  # upwards
        {"src/store/a.cc": '#include "stream/stream.h"\n'},  # a sibling
        {"src/io/a.h": '#pragma once\n#include "model/event.h"\n'},  # a sibling
        {"src/query/a.cc": '#include "store/clickhouse/sql.h"\n'},  # a private room
        {"src/process/a.cc": '#include "stream/memory/memory_stream.h"\n'},  # a private room: only tests may
        {"src/process/a_test.cc": '#include "stream/log/log_stream.h"\n'},  # a private room
        {"src/http/a.cc": '#include "model/event.h"\n'},  # a stranger
        {"src/engine/a.cc": '#include "store/store.h"\n'},  # a stranger
        {"src/app/a.cc": '#include "file.h"\n'},  # not from src/
        {"src/cellar/a.cc": '#include "base/result.h"\n'},  # an unknown module
    ],
    "third_party": [
        {"src/ingest/a.cc": "#include <boost/asio.hpp>\n"},
        {"src/base/settings.cc": "#include <toml++/toml.h>\n"},
        {"src/process/a.cc": "#include <sys/socket.h>\n"},
        {"src/model/a.cc": "#include <gtest/gtest.h>\n"},
        {"src/ingest/a.cc": "#include <zstd.h>\n"},
        {"src/app/a.cc": "#include <nlohmann/json.hpp>\n"},
    ],
    "machine": [
        {"src/stream/a.cc": "#include <fstream>\n"},
        {"src/process/a.cc": "auto now = std::chrono::steady_clock::now();\n"},
        {"src/ingest/a.cc": "std::random_device device;\n"},
        {"src/app/a.cc": "std::this_thread::sleep_for(a_while);\n"},
    ],
    "headers": [{"src/base/a.h": "#ifndef A\n"}],
    "size": [{"src/base/a.cc": "\n" * 601}, {"tests/app/a.py": "\n" * 601}],
    "names": [
        {"src/base/CamelCase.h": "#pragma once\n"},
        {"src/base/a_test.cc": "TEST(LogTest, test_1) {\n"},
    ],
    "shared_ownership": [
        {"src/app/a.cc": "std::shared_ptr<int> a;\n"},
        {"src/app/a.cc": "auto a = std::make_shared<int>();\n", "src/io/b.cc": "std::shared_ptr<int> b;  // shared_ptr: two owners\n"},
    ],
    "unfinished": [
        {"src/base/a.cc": "// TO" + "DO: later\n"},
        {"tools/a.sh": "# FIX" + "ME\n"},
        {"src/base/a_test.cc": "TEST(LogTest, DIS" + "ABLED_Flips) {}\n"},
        {"src/base/a_test.cc": "GTEST_SKIP();\n"},
        {"src/base/a.cc": "int a;  // NOLINT\n"},
    ],
    "sleeping_tests": [
        {"src/io/a_test.cc": "std::this_thread::sleep_for(a_while);\n"},
        {"src/stream/a_contract.h": "#pragma once\nusleep(1000);\n"},
        {"src/io/a_test.cc": "sleep(1);\n"},
    ],
    "places": [
        {"docs/a.md": "see /ro" + "ot/notes\n"},
        {"tools/a.sh": "cd /ho" + "me/me/project\n"},
        {"deps/a/package-lock.json": '  "resol' + 'ved": "https://example.org/a.tgz"\n'},
        {"docs/a.md": "from https://registry.npm" + "js.org/a\n"},
    ],
    "layout": [
        {"src/base/a.cc": "int a; \n"},
        {"src/base/a.cc": "\tint a;\n"},
        {"README.md": "no end"},
    ],
    "documents": [
        {"src/base/a.h": "#pragma once\n// docs/formats/unwritten.md has an example.\n"},
        {"docs/a.md": "[read on](formats/unwritten.md)\n"},
        {"docs/a.md": "`src/base/gone.cc` does it\n"},
    ],
    "decisions": [
        {"docs/adr/0001-one.md": "a\n", "docs/adr/0001-other.md": "b\n"},
        {"docs/adr/one.md": "a\n"},
    ],
    "tables": [
        {"src/base/settings_table.inc": 'MR_SETTING(Text, data_folder, "data.folder", "", "", "")\n', "src/app/a.cc": "data_folders\n"},
        {"src/base/metrics_table.inc": 'MR_METRIC(kLost, counter, "lost", "")\n', "src/app/a_test.cc": "kLost\n"},
    ],
}

# What looks much like the above and is right.
GOOD = {
    "src/base/result.h": "#pragma once\n",
    "src/base/settings_table.inc": 'MR_SETTING(Text, data, "data", "", "", "")\n',
    "src/io/file.h": '#pragma once\n#include <sys/stat.h>\n#include "base/result.h"\n',
    "src/io/clock.cc": "auto now = std::chrono::steady_clock::now();\n",
    "src/http/server.h": '#pragma once\n#include <boost/asio.hpp>\n#include "io/file.h"\n// shared_ptr: two owners\nstd::shared_ptr<int> a;\n',
    "src/store/store.h": '#pragma once\n// docs/formats/record.md has an example.\n#include "http/server.h"\n',
    "src/store/clickhouse/sql.h": '#pragma once\n#include "store/store.h"\n',
    "src/store/store_test.cc": '#include <gtest/gtest.h>\nGTEST_SKIP() << "no disk";\nTEST(StoreTest, Holds) {}\nint a;  // NOLINT(bugprone-x)\n',
    "src/process/processor_test.cc": '#include "stream/memory/memory_stream.h"\nauto a = std::make_shared<int>();\n',
    "src/cmd/send.cc": "auto a = std::make_shared<int>();  // kept by the callback\n",
    "src/stream/memory/memory_stream.h": "#pragma once\n",
    "src/app/node.cc": '#include "store/clickhouse/sql.h"\n#include "store/store.h"\nuse(values.data);\n',
    "src/cmd/serve.cc": '#include <CLI/CLI.hpp>\n#include "app/node.h"\n',
    "docs/formats/record.md": "[the stream](../../src/store/store.h) is in `src/store/`\n",
    "docs/adr/0001-one.md": "one\n",
    "docs/adr/0002-two.md": "two\n",
    "Makefile": "all:\n\ttrue\n",
    "tools/a.sh": "mktemp -d /tmp/a.XXXXXX\n",
}


def findings(files):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["git", "init", "-q", folder], check=True)
        for path, text in files.items():
            target = pathlib.Path(folder, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        return tidy.check(folder)


class TidyTest(unittest.TestCase):
    def test_every_rule_has_something_that_breaks_it(self):
        self.assertEqual(set(BROKEN), {rule.__name__ for rule in tidy.RULES})

    def test_what_breaks_a_rule_is_found(self):
        for rule, examples in BROKEN.items():
            for files in examples:
                with self.subTest(rule=rule, files=list(files)):
                    self.assertEqual([finding[2] for finding in findings(files) if finding[2] == rule], [rule])

    def test_what_is_right_is_left_alone(self):
        self.assertEqual(findings(GOOD), [])

    def test_only_the_broken_line_is_named(self):
        files = {"src/store/a.cc": '#include "base/result.h"\n\n#include "stream/stream.h"\n'}
        self.assertEqual([(path, line) for path, line, _, _ in findings(files)], [("src/store/a.cc", 3)])


if __name__ == "__main__":
    unittest.main()
