#!/usr/bin/env bash
# Fuzz targets: every x_fuzz.cc, with clang's libFuzzer, address and undefined-behaviour sanitizers.
#
#   TARGET=http_syntax_fuzz  some of them (names, separated by blanks); all by default. TARGET=help says this, and their names
#   SECONDS=60 RUNS=1000000  for each, whichever ends first; 60 seconds when neither is given (FUZZ_SECONDS for this script itself)
#   JOBS=2                   so many targets at once; as many as there are cores, at most two
#   SEED=7                   of libFuzzer's choices; another one each time by default. It is printed
#   COVERAGE=1               runs no new inputs but says which lines and regions those that are known reach
#   JUDGE_EVERY=10           only every tenth shape of statement is shown to the engine's parser (query_sql_fuzz, metric_sql_fuzz); 0: none
#
# Inputs that are kept lie in tests/fuzz/corpus/TARGET (seeds) and tests/regressions/TARGET (what once broke something); make test
# replays both without clang as well. What a run adds is in build/fuzz/corpus/TARGET, and is built upon by the next one; Ctrl-C keeps
# it. tests/fuzz/dictionaries/ has words that a target may be helped with: its source names them (`dictionary: json`).
set -euo pipefail
cd "$(dirname "$0")/.."

known() { for folder in "tests/fuzz/corpus/$1" "tests/regressions/$1"; do [ ! -d "$folder" ] || echo "$folder"; done; }
# Every target: its name, and its source. src/http/…/syntax_fuzz.cc is http_syntax_fuzz, tests/fuzz/query_sql_fuzz.cc is query_sql_fuzz.
sources() { find src tests/fuzz -name '*_fuzz.cc' | sed -E 's|^tests/fuzz/(.*)\.cc$|\1 &|; s|^src/([a-z]+)/(.*/)?([a-z0-9_]+)\.cc$|\1_\3 &|' | sort; }
names() { sources | cut -d ' ' -f 1; }
source_of() { sources | awk -v name="$1" '$1 == name { print $2 }'; }
# What its source says behind a word: `// dictionary: json`, `// covers: src/http/syntax.cc src/http/chunks.cc`.
says() { sed -n "s|^// $2: ||p" "$(source_of "$1")"; }

fail() { printf 'fuzz: %s\n' "$*" >&2; exit 2; }
# number NAME VALUE: VALUE is empty or a whole number.
number() { case $2 in *[!0-9]*) fail "$1=$2 is no whole number" ;; esac; }

case "${TARGET:-}" in
  help | -h | --help)
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0"
    echo "targets:"
    names | sed 's/^/    /'
    exit
    ;;
esac
for name in ${TARGET:-}; do
  names | grep -qx -- "$name" || { names | sed 's/^/    /' >&2; fail "there is no target $name; these are all of them"; }
done
number RUNS "${RUNS:-}"
number SECONDS "${FUZZ_SECONDS:-}"
number JOBS "${JOBS:-}"
number SEED "${SEED:-}"
number JUDGE_EVERY "${JUDGE_EVERY:-}"
[ "${JOBS:-1}" -gt 0 ] || fail "JOBS=$JOBS: at least one"
[ -z "${JUDGE_EVERY:-}" ] || export MILLRACE_JUDGE_EVERY=$JUDGE_EVERY

if [ -n "${COVERAGE:-}" ]; then
  # shellcheck disable=SC2086
  tools/build.sh coverage ${TARGET:-fuzzers}
else
  # shellcheck disable=SC2086
  tools/build.sh fuzz ${TARGET:-fuzzers}
fi
targets=${TARGET:-$(names)}
jobs=${JOBS:-$(($(nproc) < 2 ? 1 : 2))}
seed=${SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
bound=()
[ -z "${RUNS:-}" ] || bound+=("-runs=$RUNS")
[ -z "${FUZZ_SECONDS:-}" ] || bound+=("-max_total_time=$FUZZ_SECONDS")
[ ${#bound[@]} -gt 0 ] || bound=(-max_total_time=60)
mkdir -p build/fuzz/corpus build/fuzz/found build/fuzz/log build/coverage/profile
# Of each allocation ASan keeps one frame: twice the speed. An input that was found is run again with all of them.
export ASAN_OPTIONS=malloc_context_size=1${ASAN_OPTIONS:+:$ASAN_OPTIONS}
MILLRACE_LIBCHDB=${MILLRACE_LIBCHDB:-$(tools/setup.sh library)}
export MILLRACE_LIBCHDB

# libFuzzer names a file by the SHA-1 of what is in it: one that a kill cut off is known by that, and goes.
sweep() {
  (cd "build/fuzz/corpus/$1" && find . -type f -regextype egrep -regex '\./[0-9a-f]{40}' -printf '%f\n' | xargs -r sha1sum -- |
    awk '$1 != $2 { print $2 }' | xargs -r rm -f --)
}

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
  local name=$1 words pid status
  # Without -entropic=0 libFuzzer spends up to half of the time on choosing what to change next.
  local options=("${bound[@]}" "-seed=$seed" -entropic=0 -print_final_stats=1 -timeout=60 -rss_limit_mb=1500
    "-artifact_prefix=build/fuzz/found/$name-")
  words=$(says "$name" dictionary)
  [ -z "$words" ] || options+=("-dict=tests/fuzz/dictionaries/$words.dict")
  words=$(says "$name" bytes_max)
  [ -z "$words" ] || options+=("-max_len=$words")
  mkdir -p "build/fuzz/corpus/$name"
  sweep "$name"
  # shellcheck disable=SC2046
  "build/fuzz/bin/$name" "${options[@]}" "build/fuzz/corpus/$name" $(known "$name") >"build/fuzz/log/$name" 2>&1 &
  pid=$!
  trap 'kill -INT "$pid"' TERM
  wait "$pid" && status=0 || status=$?
  while kill -0 "$pid" 2>/dev/null; do wait "$pid" && status=0 || status=$?; done
  summary "$name"
  case $status in
    0) return ;;
    72 | 130 | 143) sweep "$name" && return ;; # stopped
  esac
  grep -E 'broken invariant|^not allowed|==[0-9]+== ?ERROR|^SUMMARY|: runtime error:' "build/fuzz/log/$name" | head -5 | sed 's/^/        /' || true
  local found
  found=$(sed -n 's/.*Test unit written to //p' "build/fuzz/log/$name" | tail -1)
  echo "        FOUND: again with  build/fuzz/bin/$name $found      (all that was said: build/fuzz/log/$name)"
  echo "        once it is mended: cp $found tests/regressions/$name/WHAT-IT-WAS.bin"
  touch build/fuzz/broke
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

stopped=0
pids=()
# Ctrl-C reaches the targets too; a signal to this script alone is passed on.
stop() { stopped=1; kill -TERM "${pids[@]}" 2>/dev/null || true; }
trap stop INT TERM
rm -f build/fuzz/broke
[ -n "${COVERAGE:-}" ] || echo "==> fuzz: SEED=$seed"
for name in $targets; do
  if [ -n "${COVERAGE:-}" ]; then cover_one "$name" || touch build/fuzz/broke; continue; fi
  while [ $stopped = 0 ] && [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n || true; done
  [ $stopped = 0 ] || break
  fuzz_one "$name" &
  pids+=($!)
done
while [ -n "$(jobs -rp)" ]; do wait -n || true; done
[ $stopped = 0 ] || { echo "fuzz: stopped; what was learned is in build/fuzz/corpus" >&2; exit 130; }
[ ! -e build/fuzz/broke ] || { echo "fuzz: something broke" >&2; exit 1; }
