#!/usr/bin/env bash
# Measures the worker in release mode, with the floors beside it, and prints one table.
#
#   Deploy/bench.sh                              everything in three turns, about half an hour
#   Deploy/bench.sh --quick --turns 1            a tenth of the load, once: for a first look
#   Deploy/bench.sh --only floors,throughput     some parts; --help names them
#   Deploy/bench.sh --against FILE               beside the figures that an earlier run has kept
#   Deploy/bench.sh --beside BINARY              beside another build of the worker, in turns with it
#
# Each run keeps its figures in .build/bench.json, and those of the run before in .build/bench-before.json.
# Starts a small broker, or uses the Kafka at KAFKA_BOOTSTRAP.
set -euo pipefail
cd "$(dirname "$0")/.."
Deploy/install-librdkafka.sh
# jemalloc counts allocations; that part is left out where it can't be had.
if ! compgen -G "/usr/lib/*/libjemalloc.so.2" >/dev/null; then Deploy/install-packages.sh libjemalloc2 || true; fi
source Tests/broker.sh
start_broker
Deploy/build.sh cancel-worker >/dev/null
bench=$(Deploy/build.sh cancel-worker-bench)
"$bench" --json .build/bench-now.json "$@"
if [[ -f .build/bench-now.json ]]; then
  if [[ -f .build/bench.json ]]; then mv .build/bench.json .build/bench-before.json; fi
  mv .build/bench-now.json .build/bench.json
fi
