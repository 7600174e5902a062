#!/usr/bin/env bash
# Runs the tests. Installs what they need, starts a broker of its own on a free port and stops it.
#
#   Tests/run.sh                 every test
#   Tests/run.sh chaos           only the crash test: the worker is killed again and again under load
#   Tests/run.sh --filter NAME   whatever options `swift test` takes
#
# With KAFKA_BOOTSTRAP=host:port that broker is used instead, and the tests that need a full Kafka run too.
set -euo pipefail
cd "$(dirname "$0")/.."
Deploy/install-librdkafka.sh
source Tests/broker.sh
start_broker
swift build --build-tests
case "${1:-}" in
chaos)
  shift
  swift test --skip-build --filter ChaosTests "$@"
  ;;
*)
  swift test --skip-build "$@"
  ;;
esac
