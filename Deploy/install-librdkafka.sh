#!/usr/bin/env bash
# Installs what the build needs beside Swift, where it is missing: librdkafka's headers and pkg-config.
set -euo pipefail
if pkg-config --exists rdkafka 2>/dev/null; then exit 0; fi
if command -v apt-get >/dev/null; then
  root=()
  if [ "$(id -u)" != 0 ]; then root=(sudo); fi
  "${root[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${root[@]}" apt-get install -y -qq librdkafka-dev pkg-config >/dev/null
elif command -v brew >/dev/null; then
  brew install librdkafka pkg-config
else
  echo "librdkafka is missing: install its development package (Debian: librdkafka-dev) and pkg-config" >&2
  exit 69
fi
