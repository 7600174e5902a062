#!/usr/bin/env bash
# Measures the worker in release mode, with the floors beside it, and prints one table.
#
#   Deploy/bench.sh                              everything, about ten minutes
#   Deploy/bench.sh --quick                      a tenth of the load
#   Deploy/bench.sh --only floors,throughput     some parts; --help names them
#   Deploy/bench.sh --json figures.json          the figures for machines, too
#
# Starts a small broker, or uses the Kafka at KAFKA_BOOTSTRAP.
set -euo pipefail
cd "$(dirname "$0")/.."
Deploy/install-librdkafka.sh
# jemalloc counts allocations; that part is left out where it can't be had.
if ! compgen -G "/usr/lib/*/libjemalloc.so.2" >/dev/null; then Deploy/install-packages.sh libjemalloc2 || true; fi
source Tests/broker.sh
start_broker
Deploy/build.sh cancel-worker >/dev/null
"$(Deploy/build.sh cancel-worker-bench)" "$@"
