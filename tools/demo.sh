#!/usr/bin/env bash
# The demonstration: `millrace demo` in build/demo. DEMO_FOR=60s ends it by itself, DEMO_RATE=5000 is events a second, RESET=1 begins anew.
set -euo pipefail
cd "$(dirname "$0")/.."
# Settings of the caller's shell are not the demo's.
unset MILLRACE_DATA MILLRACE_LISTEN MILLRACE_CONFIG MILLRACE_KEY MILLRACE_URL MILLRACE_BOOTSTRAP_KEY
exec build/release/bin/millrace demo --data build/demo ${DEMO_FOR:+--for "$DEMO_FOR"} ${DEMO_RATE:+--rate "$DEMO_RATE"} ${RESET:+--reset}
