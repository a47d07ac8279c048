#!/usr/bin/env bash
# Does something bad to the program under load, round after round, and counts:   KIND=server|engine|power|disk N=rounds SEED=number
# Without KIND: server and engine by turns. power and disk need root and loop devices; without, they say so and test nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup.sh test
seed=${SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
echo "==> crash: KIND=${KIND:-both}, ${N:-20} rounds, SEED=$seed"
exec /usr/bin/python3 tests/crash/crash.py --kind "${KIND:-both}" --rounds "${N:-20}" --seed "$seed"
