#!/usr/bin/env bash
# Checks the checkers: builds the simulator once for each fault that the program can be given on purpose, and counts the
# seeds and seconds until it is found out. Fails when one survives.
#   SEEDS=at most so many  SEED=the first  ONLY="skip-fsync …"        tools/sabotage.sh names  lists them
set -euo pipefail
cd "$(dirname "$0")/.."
all=$(sed -n 's/.*{Sabotage::k[A-Za-z]*, "\([a-z-]*\)"}.*/\1/p' src/base/sabotage.h)
if [ "${1:-}" = names ]; then
  echo "$all"
  exit
fi

tools/setup.sh build
export CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime CCACHE_BASEDIR=$PWD
survived=()
for name in ${ONLY:-$all}; do
  build=build/sabotage-$name
  if [ ! -e "$build/build.ninja" ]; then
    cmake --preset release -B "$build" -DMILLRACE_SABOTAGE="$name" >/dev/null
  fi
  ninja -C "$build" --quiet millrace_sim
  echo "==> sabotage: $name"
  "$build/bin/millrace_sim" --seed "${SEED:-1}" --seeds "${SEEDS:-20000}" --expect || survived+=("$name")
done
if [ ${#survived[@]} -gt 0 ]; then
  echo "not found out: ${survived[*]}" >&2
  exit 1
fi
