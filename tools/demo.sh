#!/usr/bin/env bash
# A server with six projects' real commit history in it, made-up page views coming in, and three questions answered. Runs until
# Ctrl-C, or for DEMO_FOR (60s, 5m). Its data lies in build/demo and is made anew each time.
set -euo pipefail
cd "$(dirname "$0")/.."
millrace=build/release/bin/millrace
folder=build/demo
events=tests/data/commits.ndjson.zst
events_count=157240

say() { printf '==> demo: %s\n' "$*"; }

# "60s", "5m", "1h" or plain seconds; nothing: for ever.
seconds_of() {
  case $1 in
    *h) echo $((${1%h} * 3600)) ;;
    *m) echo $((${1%m} * 60)) ;;
    *) echo "${1%s}" ;;
  esac
}

server="" trickle=""
leave() {
  trap - EXIT INT TERM
  [ -z "$trickle" ] || kill "$trickle" 2>/dev/null || true
  if [ -n "$server" ] && kill "$server" 2>/dev/null; then
    say "stopping the server; what it acknowledged is on disk"
    wait "$server" || true
  fi
}
trap leave EXIT
trap 'exit 0' INT TERM

start_server() {
  local listen=127.0.0.1:8080
  # Another program may have the port.
  if (exec 3<>/dev/tcp/127.0.0.1/8080) 2>/dev/null; then listen=127.0.0.1:0; fi
  rm -rf "$folder"
  mkdir -p "$folder"
  MILLRACE_KEY=demo-$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  export MILLRACE_KEY
  say "starting millrace serve (its log is in $folder/log)"
  MILLRACE_BOOTSTRAP_KEY=$MILLRACE_KEY "$millrace" serve --data "$folder/data" --listen "$listen" \
    >"$folder/ready" 2>"$folder/log" &
  server=$!
  until grep -q '^listening on ' "$folder/ready"; do
    kill -0 "$server" 2>/dev/null || { tail -n 20 "$folder/log" >&2; say "the server did not start"; server=""; exit 1; }
    sleep 0.1
  done
  MILLRACE_URL=$(awk '/^listening on /{ print $3; exit }' "$folder/ready")
  export MILLRACE_URL
}

stored() { "$millrace" query -m count -w 'event != page_viewed' --range 2000-01-01,2027-01-01 -f csv | tail -n 1 | tr -d '\r'; }

load() {
  say "sending $events_count real events ($events)"
  "$millrace" send "$events" --restart
  local until=$((SECONDS + 120))
  while [ "$(stored)" != $events_count ]; do
    [ $SECONDS -lt $until ] || { say "only $(stored) of them can be asked about after two minutes"; exit 1; }
    sleep 0.2
  done
  say "all of them are stored"
}

ask() {
  say "$1"
  shift
  printf '    millrace query'
  printf " '%s'" "$@"
  printf '\n'
  "$millrace" query "$@" | sed 's/^/    /'
}

# Twenty page views a second, a few at a time.
send_page_views() {
  local paths=(/ /pricing /docs /docs/start /blog /signup /login /search) i number=0
  while kill -0 "$server" 2>/dev/null; do
    for i in 1 2 3 4 5 6 7 8 9 10; do
      number=$((number + 1))
      printf '{"event":"page_viewed","user_id":"u%d","message_id":"demo-%d","properties":{"path":"%s","ms":%d}}\n' \
        $((RANDOM % 300)) $number "${paths[RANDOM % 8]}" $((RANDOM % 400 + RANDOM % 50))
    done | "$millrace" send - --quiet
    sleep 0.5
  done
}

# Settings of the caller's shell are not the demo's.
unset MILLRACE_DATA MILLRACE_LISTEN MILLRACE_CONFIG

start_server
send_page_views 2>"$folder/trickle.log" &
trickle=$!
load
ask "what was changed most?" -m count -m 'sum(properties.added)' --by properties.extension -w 'event = file_changed' \
  --range 2000-01-01,2027-01-01 --order=-count --limit 10
ask "how did one project's year go?" -m count -m 'uniq(user_id)' -w 'event = commit' \
  -w 'properties.repo = timescale/timescaledb' --range 2024-01-01,2025-01-01 --every month
ask "and right now?" -m count -m 'uniq(user_id)' -m 'quantile(0.95, properties.ms)' --by properties.path \
  -w 'event = page_viewed' --range 1h --order=-count

say "page views keep coming in. Ask more in another terminal:"
printf '    export MILLRACE_URL=%s MILLRACE_KEY=%s\n' "$MILLRACE_URL" "$MILLRACE_KEY"
printf "    %s query -m count --by event --range 1h\n    %s tail\n" "$millrace" "$millrace"
seconds=$(seconds_of "${DEMO_FOR:-}")
[ -n "$seconds" ] || say "Ctrl-C ends it"
while [ -z "$seconds" ] || [ $SECONDS -lt "$seconds" ]; do
  kill -0 "$server" 2>/dev/null || { tail -n 20 "$folder/log" >&2; say "the server has stopped"; exit 1; }
  sleep 1
done
ask "page views by now" -m count -m 'uniq(user_id)' -w 'event = page_viewed' --range 1h
