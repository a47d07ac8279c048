#!/usr/bin/env bash
# Builds targets of a preset:   tools/build.sh PRESET TARGET...      e.g.  tools/build.sh release millrace
# With VERBOSE=1 every command is shown, else ninja's own progress.
set -euo pipefail
cd "$(dirname "$0")/.."
preset=$1
shift

# So that ccache caches in spite of precompiled headers, and knows a file again in another clone.
export CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
export CCACHE_BASEDIR=$PWD
export CCACHE_NOHASHDIR=true

# Two builds of one preset wait for each other: ninja doesn't.
mkdir -p build
exec 9>"build/$preset.lock"
flock 9

tools/setup.sh build
case $preset in fuzz) tools/setup.sh fuzz ;; coverage) tools/setup.sh all ;; esac
if [ ! -e "build/$preset/build.ninja" ]; then
  echo "==> configuring build/$preset"
  cmake --preset "$preset" >"/dev/null"
fi
echo "==> building $* ($preset)"
# Ninja rewrites one line on a terminal; elsewhere a line every 25 steps is enough to see that it moves.
if [ -t 1 ] || [ -n "${VERBOSE:-}" ]; then
  ninja -C "build/$preset" ${VERBOSE:+-v} "$@"
else
  ninja -C "build/$preset" "$@" | awk '
    match($0, /^\[[0-9]+\/[0-9]+\] /) { if (++steps % 25 == 0) { print; fflush() } next }
    /^ninja: Entering/ { next }
    { print; fflush() }'
fi
