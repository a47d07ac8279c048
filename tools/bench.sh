#!/usr/bin/env bash
# Benchmarks: those beside the code (x_bench.cc), then the scenarios of bench/.   ONLY=name picks those whose name holds it.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup.sh test
tools/build.sh release millrace benches ingest_load

ran=0
for program in build/release/bin/*_bench; do
  name=$(basename "$program")
  case $name in *"${ONLY:-}"*) ;; *) continue ;; esac
  echo "==> bench $name"
  "$program" --benchmark_counters_tabular=true
  ran=$((ran + 1))
done
for scenario in bench/scenarios/*/run*; do
  [ -x "$scenario" ] || continue
  name=$(basename "$(dirname "$scenario")")
  case $name in *"${ONLY:-}"*) ;; *) continue ;; esac
  echo "==> bench $name"
  MILLRACE=$PWD/build/release/bin/millrace "$scenario"
  ran=$((ran + 1))
done
[ $ran -gt 0 ] || { echo "bench: nothing is named like '${ONLY:-}'" >&2; exit 1; }
