#!/usr/bin/env bash
# Everything that must hold, suite by suite; a closing line for each, and failure when one of them fails.
#   ONLY="unit app" runs some of: tidy web sim fuzz app browser crash faults clients kafka unit; fuzz only when it is named
# The program is built once, optimised; the unit tests once, with the address and undefined-behaviour sanitizers. That is the longest piece of
# all: their compilers run beside the other suites, which come first, on what these leave of the processors.
set -uo pipefail
cd "$(dirname "$0")/.."
suites=${ONLY:-tidy web sim app browser crash faults clients kafka unit}
results=()
started=$SECONDS

# suite NAME COMMAND...: runs it unless left out, and notes how it went.
suite() {
  local name=$1 at=$SECONDS
  shift
  case " $suites " in *" $name "*) ;; *) return ;; esac
  echo "==> test $name: $*"
  if "$@"; then
    results+=("passed  $name ($((SECONDS - at)) s)")
  else
    results+=("FAILED  $name ($((SECONDS - at)) s)")
  fi
}

tidy() {
  /usr/bin/python3 tools/tidy_test.py && /usr/bin/python3 tools/tidy.py
}

web() {
  node web/node_modules/typescript/bin/tsc -p web && node web/test/run.mjs
}

# compiled PROCESS TARGET: of the unit tests, by the process that was begun beside the other suites, if it was.
compiled() {
  if [ -n "$1" ]; then
    echo "==> building $2 (dev), begun beside the other suites"
    wait "$1" || { cat build/unit_tests.log; return 1; }
  else
    tools/build.sh dev "$2"
  fi
}

unit() {
  compiled "$all" unit_tests && ctest --test-dir build/dev --output-on-failure -j "$(nproc)"
}

# Another seed each time for some time, then each sabotage from the first seeds on.
sim() {
  local seed=${SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')} name
  tools/build.sh release millrace_sim millrace_sim_sabotaged || return 1
  echo "==> sim: SEED=$seed"
  build/release/bin/millrace_sim --seed "$seed" --seeds 1000000 --seconds 30 || return 1
  for name in $(tools/sabotage.sh names); do
    build/release/bin/millrace_sim_sabotaged --sabotage "$name" --expect --seeds 5000 || return 1
  done
}

fuzz() {
  FUZZ_SECONDS=${FUZZ_SECONDS:-20} tools/fuzz.sh
}

app() {
  tools/build.sh release engine_alone && /usr/bin/python3 -m pytest -q tests/app
}

# The stream's contract is asked of real brokers by the same program as in `unit`.
kafka() {
  compiled "$first" stream_test && tools/build.sh release engine_alone && /usr/bin/python3 -m pytest -q tests/kafka
}

browser() {
  /usr/bin/python3 -m pytest -q tests/browser
}

crash() {
  N=${N:-20} tools/crash.sh && KIND=power N=6 tools/crash.sh && KIND=disk N=3 tools/crash.sh
}

# In short, those that say something about every change and don't depend on how fast the machine is.
faults() {
  SHORT=1 ONLY="F7 or F10 or F19 or F20" tools/faults.sh
}

clients() {
  tools/build.sh release engine_alone && tests/clients/clickhouse-client/run.sh build/release &&
    /usr/bin/python3 -m pytest -q tests/clients
}

tools/setup.sh test && tools/build.sh release millrace || exit 1
first=
all=
case " $suites " in *" unit "*)
  # Where the scheduler shares out by sessions, what is nice is the session.
  in_the_background() {
    setsid bash -c 'echo 19 2>/dev/null >/proc/self/autogroup; exec nice -n 19 bash -c "$0"' "$1" >>build/unit_tests.log 2>&1 &
  }
  mkdir -p build
  : >build/unit_tests.log
  in_the_background 'tools/build.sh dev stream_test'
  first=$!
  in_the_background "tail --pid=$first -f /dev/null; tools/build.sh dev unit_tests"
  all=$!
  trap 'kill -- -"$first" -"$all" 2>/dev/null; trap - INT TERM; kill -INT $$' INT TERM
  ;;
esac
suite tidy tidy
suite web web
suite sim sim
suite fuzz fuzz
suite app app
suite browser browser
suite crash crash
suite faults faults
suite clients clients
suite kafka kafka
suite unit unit

echo "==> test: $((SECONDS - started)) s in all"
printf '    %s\n' "${results[@]}"
case "${results[*]}" in *FAILED*) exit 1 ;; esac
