#!/usr/bin/env bash
# Checks the checkers: builds the simulator once for each fault that the program can be given on purpose, and counts the
# seeds and seconds until it is found out. Fails when one survives.
#   SEEDS=at most so many  SEED=the first  ONLY="skip-fsync …"        tools/sabotage.sh names  lists them
#   KIND=power   builds the program itself with those that lose what was acknowledged, and cuts its power: N=rounds at most
set -euo pipefail
cd "$(dirname "$0")/.."
# All but those that need owners without a folder, or a store of several copies: process_test's worlds have them, and find these.
all=$(sed -n 's/.*{Sabotage::k[A-Za-z]*, "\([a-z-]*\)"}.*/\1/p' src/base/sabotage.h | grep -vE '^(shared-by-all|repair-behind|go-on-elsewhere)$')
what=${1:-${KIND:-simulator}}
if [ "$what" = names ]; then
  echo "$all"
  exit
fi
[ "$what" = simulator ] || all="skip-fsync acknowledge-early"

tools/setup.sh build
export CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=true

# build NAME TARGET: in a folder of its own; all but the few files that know of faults come out of the cache.
build() {
  local folder=build/sabotage-$1
  if [ ! -e "$folder/build.ninja" ]; then
    cmake --preset release -B "$folder" -DMILLRACE_SABOTAGE="$1" >/dev/null
  fi
  ninja -C "$folder" --quiet "$2"
}

survived=()
for name in ${ONLY:-$all}; do
  echo "==> sabotage: $name"
  if [ "$what" = power ]; then
    build "$name" millrace
    MILLRACE_BIN=$PWD/build/sabotage-$name/bin/millrace /usr/bin/python3 tests/crash/crash.py --kind power --rounds "${N:-20}" \
      --seed "${SEED:-1}" --expect || survived+=("$name")
  else
    build "$name" millrace_sim
    "build/sabotage-$name/bin/millrace_sim" --seed "${SEED:-1}" --seeds "${SEEDS:-20000}" --expect || survived+=("$name")
  fi
done
if [ ${#survived[@]} -gt 0 ]; then
  echo "not found out: ${survived[*]}" >&2
  exit 1
fi
