#!/usr/bin/env bash
# clang-tidy on the sources that changed against the main branch (all of them with --all). A file that passed is not looked at again
# until it changes. Needs a configured build/dev.
set -euo pipefail
cd "$(dirname "$0")/.."
stamps=build/tidy
mkdir -p $stamps

if [ "${1:-}" = --all ]; then
  files=$(git ls-files -- 'src/*.cc')
else
  base=$(git merge-base HEAD origin/main 2>/dev/null || git rev-parse HEAD)
  files=$({ git diff --name-only --diff-filter=d "$base" -- 'src/*.cc'; git ls-files --others --exclude-standard -- 'src/*.cc'; } | sort -u)
fi

todo=()
for file in $files; do
  key=$(cat "$file" .clang-tidy | sha256sum | cut -c1-32)
  [ -e "$stamps/$key" ] || grep -q "$PWD/$file" build/dev/compile_commands.json && [ ! -e "$stamps/$key" ] && todo+=("$file $key")
done
echo "==> clang-tidy: ${#todo[@]} changed files"
[ ${#todo[@]} -gt 0 ] || exit 0
printf '%s\n' "${todo[@]}" | xargs -P "$(nproc)" -L 1 bash -c '
  clang-tidy-14 --quiet -p build/dev "$1" 2>/dev/null && touch "$0/$2"' $stamps
