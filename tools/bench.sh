#!/usr/bin/env bash
# Benchmarks: the scenarios of bench/ beside their peers, and those beside the code (x_bench.cc).
#   ONLY=B4       the scenario; ONLY=name: those, also beside the code, whose name holds it
#   QUICK=1       a short form of each, in about a minute: it shows that it runs, its figures are worth nothing
#   ARGS="--runs 1 --only redis"   for the scenario; --help lists them
# The peers are installed by this script: Debian packages by tools/setup.sh, others into build/bench/peers.
set -euo pipefail
cd "$(dirname "$0")/.."
only=$(tr '[:upper:]' '[:lower:]' <<<"${ONLY:-}")

# "b4" names b4-parse, "ingest" b3-ingest and ingest_bench.
chosen() {
  case $only in
    b[0-9] | b10) [[ $1 == "$only"-* ]] ;;
    *) [[ $1 == *"$only"* ]] ;;
  esac
}

scenarios=()
for scenario in $(printf '%s\n' bench/scenarios/*/run.py | sort -V); do
  name=$(basename "$(dirname "$scenario")")
  # What asks the engine alone about ways to keep data is run by hand.
  [ "$name" = properties ] || ! chosen "$name" || scenarios+=("$scenario")
done
tools/setup.sh test
[ ${#scenarios[@]} = 0 ] || tools/setup.sh bench
tools/build.sh release millrace benches bench_programs

ran=0
for program in build/release/bin/*_bench; do
  name=$(basename "$program")
  chosen "$name" || continue
  echo "==> bench $name"
  "$program" --benchmark_counters_tabular=true
  ran=$((ran + 1))
done
for scenario in "${scenarios[@]}"; do
  echo "==> bench $(basename "$(dirname "$scenario")")"
  # shellcheck disable=SC2086
  MILLRACE_BIN=$PWD/build/release/bin/millrace /usr/bin/python3 "$scenario" ${ARGS:-}
  ran=$((ran + 1))
done
[ $ran -gt 0 ] || { echo "bench: nothing is named like '${ONLY:-}'" >&2; exit 1; }
[ ${#scenarios[@]} = 0 ] || /usr/bin/python3 bench/table.py
