#!/usr/bin/env bash
# Simulates the whole write path from seeds, optimised, on all cores:   SEEDS=how many  SEED=the first (else a new one)
#   SEED=42 TRACE=1 tools/sim.sh   tells what happens in that one
set -euo pipefail
cd "$(dirname "$0")/.."
seed=${SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
tools/build.sh release millrace_sim
if [ -n "${TRACE:-}" ]; then
  exec build/release/bin/millrace_sim --seed "$seed" --seeds 1 --trace
fi
echo "==> sim: ${SEEDS:-10000} seeds, SEED=$seed; TRACE=1 SEED=… tells what happens in one"
exec build/release/bin/millrace_sim --seed "$seed" --seeds "${SEEDS:-10000}"
