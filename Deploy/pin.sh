#!/usr/bin/env bash
# Pins the Swift packages of the build in this folder to exact versions.
#
#   Deploy/pin.sh            resolves every package at its version in Deploy/pins.txt
#   Deploy/pin.sh --renew    writes the versions that are resolved now to Deploy/pins.txt
set -euo pipefail
cd "$(dirname "$0")/.."
pins=Deploy/pins.txt

# Each package with its version, or its revision where it has none.
resolved() {
  awk -F'"' '$2 == "identity" { name = $4 } $2 == "revision" { number = $4 } $2 == "version" { number = $4 }
    /^ *\}$/ || /^ *\},$/ { if (name != "" && number != "") print name, number; number = "" }' Package.resolved
}

if [[ "${1:-}" == --renew ]]; then
  swift package resolve >&2
  { sed -n '/^#/p' "$pins"; resolved; } >"$pins.new"
  mv "$pins.new" "$pins"
  exit
fi
swift package resolve >&2
# One after the other: each keeps what was pinned before. A package that is there already costs nothing.
while read -r name version; do
  if ! resolved | grep -qxF "$name $version"; then swift package resolve "$name" --version "$version" >&2; fi
done < <(grep -v '^#' "$pins")
if ! difference=$(diff <(grep -v '^#' "$pins") <(resolved)); then
  echo "pin: these versions are not as $pins has them; change the file, or run Deploy/pin.sh --renew:" >&2
  echo "$difference" >&2
  exit 65
fi
