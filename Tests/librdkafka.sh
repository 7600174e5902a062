#!/usr/bin/env bash
# Prints a folder with another librdkafka.so.1 than the system's, out of PyPI's confluent-kafka; installs it where it is
# missing. Programs load it where LD_LIBRARY_PATH names the folder.
#
#   Tests/librdkafka.sh            the version that the image has
#   Tests/librdkafka.sh 2.16.1     another one
set -euo pipefail
cd "$(dirname "$0")/.."
image=$(sed -nE 's/.*librdkafka1=([0-9.]+)-.*/\1/p' Deploy/Dockerfile)
version=${1:-$image}
folder=.build/librdkafka-$version
if [ ! -e "$folder/librdkafka.so.1" ]; then
  rm -rf "$folder"
  mkdir -p "$folder"
  Deploy/install-packages.sh python3 python3-venv >&2
  python3 -m venv "$folder/python"
  "$folder/python/bin/pip" install --quiet --disable-pip-version-check "confluent-kafka==$version" >&2
  library=$(echo "$folder"/python/lib/*/site-packages/confluent_kafka.libs/librdkafka-*.so.1)
  cp "$library" "$folder/librdkafka.so.1"
  rm -rf "$folder/python"
fi
echo "$PWD/$folder"
