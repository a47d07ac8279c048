#!/usr/bin/env bash
# What is worth knowing before every commit: format, tidy, clang-tidy on what changed, unit tests. Under a minute when nothing changed.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup.sh check

echo "==> format"
git ls-files -z -- '*.h' '*.cc' | xargs -0 clang-format-14 --dry-run --Werror || {
  echo "make fmt lays it out" >&2
  exit 1
}
echo "==> tidy"
/usr/bin/python3 tools/tidy_test.py
/usr/bin/python3 tools/tidy.py
echo "==> web"
node web/node_modules/typescript/bin/tsc -p web
node web/test/run.mjs | grep -E '^(not ok|# (pass|fail))'
tools/build.sh dev unit_tests
tools/clang_tidy.py
echo "==> unit tests"
ctest --test-dir build/dev --output-on-failure -j "$(nproc)" | grep -vE '^(Internal ctest|Test project| +Start )'
