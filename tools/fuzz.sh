#!/usr/bin/env bash
# Fuzz targets: every x_fuzz.cc, with clang's libFuzzer, address and undefined-behaviour sanitizers.
#
#   TARGET=http_syntax_fuzz  some of them (names, separated by blanks); all by default
#   FUZZ_SECONDS=60          for each (make fuzz SECONDS=60), or RUNS=1000000 inputs for each; 60 seconds by default
#   JOBS=2                   so many targets at once; as many as there are cores, at most two
#   SEED=7                   of libFuzzer's choices; it picks and prints one itself by default
#   COVERAGE=1               runs no new inputs but says which lines and regions those that are known reach
#
# Inputs that are kept lie in tests/fuzz/corpus/TARGET (seeds) and tests/regressions/TARGET (what once broke something); make test
# replays both without clang as well. What a run adds is in build/fuzz/corpus/TARGET, and is built upon by the next one.
# tests/fuzz/dictionaries/ has words that a target may be helped with: its source names them (`dictionary: json`).
set -euo pipefail
cd "$(dirname "$0")/.."

known() { for folder in "tests/fuzz/corpus/$1" "tests/regressions/$1"; do [ ! -d "$folder" ] || echo "$folder"; done; }
# The source of a target: http_syntax_fuzz is src/http/…/syntax_fuzz.cc, or tests/fuzz/http_syntax_fuzz.cc.
source_of() { git ls-files --cached --others --exclude-standard "src/${1%%_*}/*${1#*_}.cc" "tests/fuzz/$1.cc" | grep -E "/(${1#*_}|$1)\.cc$"; }
# What its source says behind a word: `// dictionary: json`, `// covers: src/http/syntax.cc src/http/chunks.cc`.
says() { sed -n "s|^// $2: ||p" "$(source_of "$1")"; }

if [ -n "${COVERAGE:-}" ]; then
  tools/build.sh coverage ${TARGET:-fuzzers}
  folder=build/coverage
else
  tools/build.sh fuzz ${TARGET:-fuzzers}
  folder=build/fuzz
fi
targets=${TARGET:-$(cd $folder/bin && echo *_fuzz)}
jobs=${JOBS:-$(($(nproc) < 2 ? 1 : 2))}
bound=("-max_total_time=${FUZZ_SECONDS:-60}")
[ -n "${FUZZ_SECONDS:-}" ] || [ -z "${RUNS:-}" ] || bound=("-runs=$RUNS")
mkdir -p build/fuzz/corpus build/fuzz/found build/fuzz/log build/coverage/profile

# One line of what libFuzzer's log says at its end.
summary() {
  awk -v name="$1" '
    /^INFO: Seed: / { seed = $3 }
    / cov: / { for (i = 1; i < NF; ++i) { if ($i == "cov:") edges = $(i + 1); if ($i == "ft:") features = $(i + 1); if ($i == "corp:") corpus = $(i + 1) } }
    /^stat::number_of_executed_units/ { runs = $2 }
    /^stat::average_exec_per_sec/ { speed = $2 }
    /^stat::peak_rss_mb/ { memory = $2 }
    END { printf "    %-28s %9d runs %7d/s  edges %5d  features %6d  corpus %-14s %4d MB  seed %s\n", name, runs, speed, edges, features, corpus, memory, seed }
  ' "build/fuzz/log/$1"
}

fuzz_one() {
  local name=$1 words
  local options=("${bound[@]}" -print_final_stats=1 -timeout=20 -rss_limit_mb=1500 "-artifact_prefix=build/fuzz/found/$name-" ${SEED:+-seed=$SEED})
  words=$(says "$name" dictionary)
  [ -z "$words" ] || options+=("-dict=tests/fuzz/dictionaries/$words.dict")
  words=$(says "$name" bytes_max)
  [ -z "$words" ] || options+=("-max_len=$words")
  mkdir -p "build/fuzz/corpus/$name"
  # shellcheck disable=SC2046
  if "build/fuzz/bin/$name" "${options[@]}" "build/fuzz/corpus/$name" $(known "$name") >"build/fuzz/log/$name" 2>&1; then
    summary "$name"
    return
  fi
  summary "$name"
  grep -E 'broken invariant|^not allowed|==[0-9]+== ?ERROR|^SUMMARY|: runtime error:' "build/fuzz/log/$name" | head -5 | sed 's/^/        /' || true
  local found
  found=$(sed -n 's/.*Test unit written to //p' "build/fuzz/log/$name" | tail -1)
  echo "        FOUND: again with  build/fuzz/bin/$name $found      (all that was said: build/fuzz/log/$name)"
  echo "        once it is mended: cp $found tests/regressions/$name/WHAT-IT-WAS.bin"
  return 1
}

cover_one() {
  local name=$1 profile=build/coverage/profile/$1
  # shellcheck disable=SC2046
  LLVM_PROFILE_FILE=$profile.raw "build/coverage/bin/$name" -runs=0 $([ ! -d "build/fuzz/corpus/$name" ] || echo "build/fuzz/corpus/$name") \
    $(known "$name") >"$profile.log" 2>&1 || { tail -n 20 "$profile.log"; return 1; }
  llvm-profdata-14 merge -sparse "$profile.raw" -o "$profile.data"
  echo "    $name"
  # shellcheck disable=SC2046
  llvm-cov-14 report "build/coverage/bin/$name" -instr-profile "$profile.data" $(says "$name" covers) | awk '
    /^Filename/ || /^-/ || NF < 10 { next }
    { printf "        %-44s %3d of %3d lines %7s    %3d of %3d regions %7s\n", $1, $8 - $9, $8, $10, $2 - $3, $2, $4 }'
}

failed=0
running=0
for name in $targets; do
  if [ -n "${COVERAGE:-}" ]; then cover_one "$name" || failed=1; continue; fi
  fuzz_one "$name" &
  running=$((running + 1))
  [ $running -lt "$jobs" ] || { wait -n || failed=1; running=$((running - 1)); }
done
while [ $running -gt 0 ]; do wait -n || failed=1; running=$((running - 1)); done
[ $failed = 0 ] || { echo "fuzz: something broke" >&2; exit 1; }
