#!/usr/bin/env bash
# Builds the documentation of the libraries with the toolchain's DocC into .build/documentation; a link that leads nowhere
# is a failure, and so is a public type that no page lists.
set -euo pipefail
cd "$(dirname "$0")/.."
docc=$(dirname "$(readlink -f "$(command -v swift)")")/docc
[ -x "$docc" ] || { echo "docs: this toolchain has no docc" >&2; exit 69; }
mkdir -p .build/documentation
graphs=$(swift package dump-symbol-graph --minimum-access-level public --skip-synthesized-members \
  2>.build/documentation/log | sed -n 's/^Files written to //p') || { cat .build/documentation/log >&2; exit 1; }
failed=0
for module in Kafka CancelContract CancelCore CancelAPI CancelService Operations; do
  folder=.build/documentation/$module
  rm -rf "$folder"
  mkdir -p "$folder/graphs"
  cp "$graphs/$module.symbols.json" "$folder/graphs"
  "$docc" convert "Sources/$module/$module.docc" --additional-symbol-graph-dir "$folder/graphs" \
    --fallback-display-name "$module" --fallback-bundle-identifier "cancel-worker.$module" --ide-console-output \
    --output-dir "$folder/$module.doccarchive" >"$folder/log" 2>&1 || failed=1
  # Parameters whose names say all are left without a comment.
  if grep -E "(warning|error): " "$folder/log" | grep -v "is missing documentation"; then failed=1; fi
  grep -oE '"pathComponents":\["[A-Za-z0-9_]+"\]' "$folder/graphs/$module.symbols.json" | cut -d'"' -f4 | sort -u |
    while read -r type; do
      grep -q -- "^- \`\`$type\`\`$" "Sources/$module/$module.docc/$module.md" || echo "$module.md does not list $type"
    done >"$folder/missing"
  if [ -s "$folder/missing" ]; then
    cat "$folder/missing"
    failed=1
  fi
done
[ "$failed" = 0 ] && echo "docs: every link leads somewhere; see .build/documentation"
exit "$failed"
