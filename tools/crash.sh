#!/usr/bin/env bash
# Kills the server and the engine at random moments under load, and counts:   N=rounds SEED=number
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup.sh test
seed=${SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
echo "==> crash: ${N:-20} rounds, SEED=$seed"
exec /usr/bin/python3 tests/crash/crash.py --rounds "${N:-20}" --seed "$seed"
