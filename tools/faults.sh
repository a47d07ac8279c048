#!/usr/bin/env bash
# The faults of docs/reliability.md, each as long as it is said to last, with figures:   ONLY=F9 picks one, "F9 or F16" some.
# SHORT=1: a few seconds each, as make test runs them.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup.sh test
tools/build.sh release millrace engine_alone
[ -n "${SHORT:-}" ] || export MILLRACE_FAULTS=long
exec /usr/bin/python3 -m pytest -q --durations=0 --durations-min=5 tests/faults ${ONLY:+-m "$ONLY"}
