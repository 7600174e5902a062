#!/usr/bin/env bash
# Installs Debian packages by their names, as root or through sudo.
set -euo pipefail
if ! command -v apt-get >/dev/null; then
  echo "there is no apt-get here: install what Debian calls $*" >&2
  exit 69
fi
root=()
if [ "$(id -u)" != 0 ]; then root=(sudo); fi
"${root[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${root[@]}" apt-get install -y -qq --no-install-recommends "$@" >/dev/null
