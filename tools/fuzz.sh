#!/usr/bin/env bash
# Runs the fuzz targets (every x_fuzz.cc):   TARGET=name picks one, RUNS=n or FUZZ_SECONDS=s bounds each (default: 60 s).
# What it finds is kept in build/fuzz/corpus/TARGET; bytes that once broke something lie in tests/regressions/TARGET and are tried first.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/build.sh fuzz "${TARGET:-fuzzers}"

bound=(-max_total_time="${FUZZ_SECONDS:-60}")
[ -z "${FUZZ_SECONDS:-}" ] && [ -n "${RUNS:-}" ] && bound=(-runs="$RUNS")
failed=0
for target in build/fuzz/bin/${TARGET:-*_fuzz}; do
  name=$(basename "$target")
  corpus=build/fuzz/corpus/$name
  mkdir -p "$corpus" build/fuzz/found
  known=()
  [ ! -d "tests/regressions/$name" ] || known=("tests/regressions/$name")
  echo "==> fuzz $name"
  "$target" "${bound[@]}" -print_final_stats=1 -artifact_prefix="build/fuzz/found/$name-" "$corpus" "${known[@]}" \
    2>"build/fuzz/$name.log" || failed=1
  grep -E '^(stat::number_of_executed_units|stat::peak_rss_mb|==[0-9]+==.*ERROR|SUMMARY|Done|artifact)' "build/fuzz/$name.log" | sed 's/^/    /'
done
[ $failed = 0 ] || { echo "fuzz: something broke; the bytes are in build/fuzz/found" >&2; exit 1; }
