#!/usr/bin/env bash
# Installs a built Millrace:   tools/install.sh PREFIX DESTDIR
# The program finds its engine beside itself, in PREFIX/lib/millrace.
set -euo pipefail
cd "$(dirname "$0")/.."
prefix=$1
root=$2$prefix
library=${MILLRACE_LIBCHDB:-$(tools/setup.sh library)}

install -D -m 755 build/release/bin/millrace "$root/bin/millrace"
install -D -m 755 "$library" "$root/lib/millrace/libchdb.so"
install -d "$root/lib/systemd/system" "$root/share/doc/millrace"
sed "s|@PREFIX@|$prefix|g" deploy/millrace.service >"$root/lib/systemd/system/millrace.service"
install -m 644 config/*.toml README.md "$root/share/doc/millrace/"
cp -r docs "$root/share/doc/millrace/"
echo "==> installed below $root: bin/millrace, lib/millrace/libchdb.so, lib/systemd/system/millrace.service, share/doc/millrace"
