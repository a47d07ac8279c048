#!/usr/bin/env bash
# Benchmarks: the scenarios of bench/ beside their peers, and those beside the code (x_bench.cc).
#   ONLY=B4       the scenario; ONLY="B2 soak": those whose name holds one of the words; other names list what there is
#   QUICK=1       a short form of each, in about a minute: it shows that it runs, its figures are worth nothing
#   ARGS="--runs 1 --only redis"   for the scenario; --help lists them
# The peers are installed by this script: Debian packages by tools/setup.sh, others into build/bench/peers.
set -euo pipefail
cd "$(dirname "$0")/.."
only=$(tr '[:upper:]' '[:lower:]' <<<"${ONLY:-}")

# "b4" names b4-parse, "ingest" b3-ingest and ingest_bench.
chosen() {
  local word
  [ -n "$only" ] || return 0
  for word in $only; do
    case $word in
      b[0-9] | b1[0-9]) [[ $1 == "$word"-* ]] && return 0 ;;
      *) [[ $1 == *"$word"* ]] && return 0 ;;
    esac
  done
  return 1
}

# Every name there is, with its README's first line: what a name that nothing has is answered with.
list() {
  local name readme
  echo "scenarios, beside their peers:"
  for readme in $(printf '%s\n' bench/scenarios/*/README.md | sort -V); do
    name=$(basename "$(dirname "$readme")")
    [ "$name" = properties ] || printf '  %-14s %s\n' "$name" "$(head -n 1 "$readme" | sed 's/^# //; s/^B[0-9]*: //')"
  done
  echo "beside the code:"
  find src -name '*_bench.cc' -printf '%f\n' | sed 's/\.cc$//; s/^/  /' | sort
  echo 'e.g. make bench ONLY=B4, make bench ONLY="B2 stream", make bench ONLY=B3 QUICK=1, make bench ONLY=B3 ARGS=--help'
}

scenarios=()
for scenario in $(printf '%s\n' bench/scenarios/*/run.py | sort -V); do
  name=$(basename "$(dirname "$scenario")")
  # What asks the engine alone about ways to keep data is run by hand.
  [ "$name" = properties ] || ! chosen "$name" || scenarios+=("$scenario")
done
found=${#scenarios[@]}
for program in $(find src -name '*_bench.cc' -printf '%f\n' | sed 's/\.cc$//'); do chosen "$program" && found=$((found + 1)); done
if [ "$found" = 0 ]; then
  echo "bench: nothing is named like '${ONLY:-}'" >&2
  list >&2
  exit 2
fi
tools/setup.sh test
[ ${#scenarios[@]} = 0 ] || tools/setup.sh bench
tools/build.sh release millrace benches bench_programs

for program in build/release/bin/*_bench; do
  name=$(basename "$program")
  chosen "$name" || continue
  echo "==> bench $name"
  "$program" --benchmark_counters_tabular=true
done
for scenario in "${scenarios[@]}"; do
  echo "==> bench $(basename "$(dirname "$scenario")")"
  # shellcheck disable=SC2086
  MILLRACE_BIN=$PWD/build/release/bin/millrace /usr/bin/python3 "$scenario" ${ARGS:-}
done
[ ${#scenarios[@]} = 0 ] || /usr/bin/python3 bench/table.py
