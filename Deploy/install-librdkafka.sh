#!/usr/bin/env bash
# Installs what the build needs beside Swift, where it is missing: the headers of librdkafka and zlib, and pkg-config.
set -euo pipefail
if pkg-config --exists rdkafka zlib 2>/dev/null; then exit 0; fi
if command -v brew >/dev/null && ! command -v apt-get >/dev/null; then
  brew install librdkafka pkg-config
else
  "$(dirname "$0")/install-packages.sh" librdkafka-dev pkg-config zlib1g-dev
fi
