#!/bin/sh
# Installs the client, starts an engine alone in a temporary folder and runs the tests against its port.
#   run.sh BUILD_FOLDER      (MILLRACE_LIBCHDB: path of libchdb.so, else the one of make setup)
set -eu
build=$(cd "$1" && pwd)
cd "$(dirname "$0")"
MILLRACE_LIBCHDB=${MILLRACE_LIBCHDB:-$(../../../tools/setup.sh library)}
export MILLRACE_LIBCHDB
[ -d node_modules ] || npm ci --no-audit --no-fund
folder=$(mktemp -d)
mkfifo "$folder/hold" "$folder/address"
"$build/bin/engine_alone" "$folder/data" < "$folder/hold" > "$folder/address" &
engine=$!
exec 3> "$folder/hold"
trap 'exec 3>&-; wait "$engine" || true; rm -rf "$folder"' EXIT
read -r ENGINE_URL ENGINE_USER ENGINE_PASSWORD < "$folder/address"
export ENGINE_URL ENGINE_USER ENGINE_PASSWORD
npm test
