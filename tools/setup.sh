#!/usr/bin/env bash
# Installs what is missing to build, test and check Millrace on Debian 12, and says what it does.
#
#   tools/setup.sh [build|test|fuzz|check|bench|all]      default: all, which is everything but bench
#   tools/setup.sh library | kafka             only says where libchdb.so, or the jars of the tests' Kafka, belong
#
# Debian packages come by apt (through sudo unless run by root), the engine's library libchdb and what the page is made with by npm,
# checked against the hashes in deps/chdb/package-lock.json and web/package-lock.json, into a cache folder. Safe to repeat, to interrupt, and to run twice at once. When nothing is
# missing it says nothing and takes a fraction of a second.
set -euo pipefail
cd "$(dirname "$0")/.."

chdb_version=26.7.3-stable.1
chdb_bytes=566330096
cache=${XDG_CACHE_HOME:-$HOME/.cache}/millrace
library=$cache/chdb-$chdb_version/libchdb.so

say() { printf '==> setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# The packages of one or more groups.
packages_of() { awk -v groups=" $* " '!/^#/ && NF && index(groups, " " $2 " ") { print $1 }' deps/debian-packages.txt; }

# Those that dpkg doesn't have. A tool that came from somewhere else than Debian counts as there.
missing_of() {
  local package installed
  installed=" $(dpkg-query -W -f '${db:Status-Abbrev} ${Package} \n' "$@" 2>/dev/null | awk '$1 == "ii" { printf "%s ", $2 }')"
  for package in "$@"; do
    case "$installed" in *" $package "*) continue ;; esac
    case "$package" in
      npm | nodejs) command -v "${package/nodejs/node}" >/dev/null 2>&1 && continue ;;
      maven) command -v mvn >/dev/null 2>&1 && continue ;;
      openjdk-17-jre-headless) command -v java >/dev/null 2>&1 && continue ;;
    esac
    echo "$package"
  done
}

# Runs a command with its output in a file; shows the last line that `filter` keeps, every few seconds, and all of it on failure.
quietly() {
  local log=$1 filter=$2 shown="" line pid status=0
  shift 2
  "$@" >"$log" 2>&1 &
  pid=$!
  while kill -0 "$pid" 2>/dev/null; do
    for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$pid" 2>/dev/null && sleep 0.5; done
    line=$($filter "$log")
    [ "$line" = "$shown" ] || say "  $line"
    shown=$line
  done
  wait "$pid" || status=$?
  [ $status = 0 ] || { tail -n 30 "$log" >&2; return $status; }
}

apt_progress() {
  awk '/^Get:/ { got++ } /^Unpacking/ { unpacked++ } /^Setting up/ { set_up++ }
       END { printf "%d fetched, %d unpacked, %d set up", got, unpacked, set_up }' "$1"
}

install_packages() {
  local as_root=() plan log
  command -v apt-get >/dev/null || fail "this is not Debian: install the equivalents of these yourself: $*"
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || fail "needs root or sudo to run: apt-get install --no-install-recommends $*"
    as_root=(sudo)
  fi
  log=$(mktemp)
  # shellcheck disable=SC2064
  trap "rm -f '$log'" EXIT
  say "Debian packages are missing: $*"
  "${as_root[@]}" apt-get update -q >"$log" 2>&1 || { tail -n 20 "$log" >&2; fail "apt-get update failed"; }
  plan=$("${as_root[@]}" env LC_ALL=C apt-get install --no-install-recommends --assume-no "$@" 2>/dev/null |
    sed -nE 's/^([0-9]+) upgraded, ([0-9]+) newly installed.*/with what they need \2 packages/p; s/^Need to get (.*) of archives\./, \1 to fetch/p; s/^After this operation, (.*) of additional.*/, \1 on disk/p' | tr -d '\n') || true
  say "$plan"
  # RUNLEVEL=1: a database that is wanted as a peer is not started as a service of this machine.
  quietly "$log" apt_progress "${as_root[@]}" env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive LC_ALL=C \
    apt-get install -y -q --no-install-recommends -o Dpkg::Use-Pty=0 "$@" ||
    fail "apt-get install failed (see above); run make setup again once that is mended"
  say "Debian packages are installed"
}

# A library that is there whole: only a checked one is ever renamed into place, so its size tells enough.
library_is_there() { [ "$(stat -c %s "$library" 2>/dev/null)" = "$chdb_bytes" ]; }

npm_progress() { du -sm "$work" 2>/dev/null | awk '{ print $1 " MB of about 750 MB on disk until it is unpacked" }'; }

install_library() {
  [ "$(uname -m)" = x86_64 ] || fail "the engine's library is for x86-64 only"
  mkdir -p "$cache"
  exec 9>"$cache/setup.lock"
  flock -n 9 || { say "another setup is fetching libchdb; waiting for it"; flock 9; }
  library_is_there && return
  say "libchdb $chdb_version, the engine: fetching 178 MB from npm into $cache; it takes 566 MB there"
  work=$cache/fetch
  rm -rf "$work"
  mkdir -p "$work"
  cp deps/chdb/package.json deps/chdb/package-lock.json "$work/"
  quietly "$work/npm.log" npm_progress npm ci --prefix "$work" --cache "$work/npm-cache" --ignore-scripts --no-audit --no-fund \
    --no-update-notifier || fail "npm could not fetch libchdb (see above); run make setup again"
  local fetched=$work/node_modules/@chdb/lib-linux-x64-gnu/libchdb.so
  [ "$(stat -c %s "$fetched")" = "$chdb_bytes" ] || fail "libchdb.so is not of the size that version $chdb_version has"
  mkdir -p "$(dirname "$library")"
  chmod 755 "$fetched"
  sync "$fetched"
  mv "$fetched" "$library"
  rm -rf "$work"
  say "libchdb is in $library"
}

# What the page is made with lies in the cache too, one folder for each lock file; web/node_modules is a link to it.
web=$cache/web-$(sha256sum web/package-lock.json | cut -c 1-12)
web_is_there() { [ -d "$web/node_modules" ] && [ "$(readlink web/node_modules)" = "$web/node_modules" ]; }

web_progress() { echo "unpacking"; }

install_web() {
  mkdir -p "$cache"
  exec 9>"$cache/setup.lock"
  flock 9
  if [ ! -d "$web/node_modules" ]; then
    say "what the page is made with: fetching 10 MB from npm into $web"
    local work=$cache/fetch-web
    rm -rf "$work"
    mkdir -p "$work"
    cp web/package.json web/package-lock.json "$work/"
    quietly "$work/npm.log" web_progress npm ci --prefix "$work" --cache "$work/npm-cache" --ignore-scripts --no-audit --no-fund \
      --no-update-notifier || fail "npm could not fetch what the page is made with (see above); run make setup again"
    rm -rf "$work/npm-cache"
    mv "$work" "$web"
  fi
  ln -sfn "$web/node_modules" web/node_modules
}

# Apache Kafka, which only the tests run: one folder for each pom. Without it its tests are skipped, and say so.
kafka=$cache/kafka-$(sha256sum deps/kafka/pom.xml | cut -c 1-12)

install_kafka() {
  mkdir -p "$cache"
  exec 9>"$cache/setup.lock"
  flock 9
  [ ! -d "$kafka" ] || return 0
  say "the tests' Kafka brokers: fetching 54 MB by Maven into $kafka"
  local work=$cache/fetch-kafka
  rm -rf "$work"
  mkdir -p "$work"
  if mvn -q -B -f deps/kafka/pom.xml org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
    -DoutputDirectory="$work" >"$cache/fetch-kafka.log" 2>&1; then
    mv "$work" "$kafka"
  else
    tail -n 5 "$cache/fetch-kafka.log" >&2
    say "MAVEN COULD NOT FETCH KAFKA (see above): the tests that need it will be skipped"
  fi
}

case ${1:-all} in
  build) groups="build" ;;
  test) groups="build test" ;;
  fuzz) groups="build fuzz" ;;
  check) groups="build test check" ;;
  bench) groups="build test bench" ;;
  all) groups="build test fuzz check" ;;
  library) echo "$library"; exit ;;
  kafka) echo "$kafka"; exit ;;
  *) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
# shellcheck disable=SC2046,SC2086
missing=$(missing_of $(packages_of $groups))
# shellcheck disable=SC2086
[ -z "$missing" ] || install_packages $missing
library_is_there || install_library
web_is_there || install_web
case " $groups " in *" test "*) [ -d "$kafka" ] || install_kafka ;; esac
[ "${1:-all}" != all ] || say "everything is there: Debian packages, and libchdb in $library"
