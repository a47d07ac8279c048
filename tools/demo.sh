#!/usr/bin/env bash
# The demonstration: `millrace demo` in build/demo, or in DATA=folder. LISTEN=127.0.0.1:9000 is its address, DEMO_FOR=60s ends it by itself,
# DEMO_RATE=5000 is events a second, RESET=1 begins anew.
# STREAM=kafka has its stream on a broker of Apache Kafka, the one of the tests; both lie in build/demo-kafka, or in DATA=folder.
set -euo pipefail
cd "$(dirname "$0")/.."
# Settings of the caller's shell are not the demo's.
unset MILLRACE_DATA MILLRACE_LISTEN MILLRACE_CONFIG MILLRACE_KEY MILLRACE_URL MILLRACE_BOOTSTRAP_KEY
words=(${LISTEN:+--listen "$LISTEN"} ${DEMO_FOR:+--for "$DEMO_FOR"} ${DEMO_RATE:+--rate "$DEMO_RATE"} ${RESET:+--reset})
case ${STREAM:-log} in
  log) exec build/release/bin/millrace demo --data "${DATA:-build/demo}" "${words[@]}" ;;
  kafka) ;;
  *) echo "demo: STREAM is log or kafka, not $STREAM" >&2; exit 2 ;;
esac

tools/setup.sh test
folder=${DATA:-build/demo-kafka}
[ -z "${RESET:-}" ] || [ ! -e "$folder/data/demo.json" ] || rm -rf "$folder/brokers"
echo "==> demo: starting a broker of Apache Kafka in $folder/brokers"
coproc brokers { exec /usr/bin/python3 tests/kafka/brokers.py "$folder/brokers"; }
brokers_pid=$!
# It ends when its input does, after the demonstration.
end() {
  exec {input}>&-
  wait "$brokers_pid" 2>/dev/null || true
}
input=${brokers[1]}
trap end EXIT
trap '' INT  # the demonstration has heard of it, and ends by itself
read -r address <&"${brokers[0]}" || { echo "demo: the broker did not start; see $folder/brokers/0/output" >&2; exit 1; }
(trap - INT && exec build/release/bin/millrace demo --data "$folder/data" --kafka "$address" "${words[@]}")
