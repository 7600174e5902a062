#!/usr/bin/env bash
# Runs the tests in a build with a sanitizer; the first build takes about ten minutes.
#
#   Tests/sanitize.sh thread               ThreadSanitizer: data races
#   Tests/sanitize.sh address              AddressSanitizer and LeakSanitizer: memory, and librdkafka's objects
#   Tests/sanitize.sh thread --filter NAME some tests only
set -euo pipefail
cd "$(dirname "$0")/.."
sanitizer=${1:?thread or address}
shift
Deploy/install-librdkafka.sh
source Tests/broker.sh
start_broker
export TSAN_OPTIONS="halt_on_error=0 exitcode=66" ASAN_OPTIONS="detect_leaks=1"
options=(--sanitize "$sanitizer" --scratch-path ".build/$sanitizer-sanitizer")
swift build --build-tests "${options[@]}"
if [ $# -gt 0 ]; then
  swift test --skip-build "${options[@]}" "$@"
else
  for target in Kafka CancelContract CancelAPI CancelCore CancelService EToroSimulator CommandLine; do
    swift test --skip-build "${options[@]}" --filter "${target}Tests\\."
  done
  swift test --skip-build "${options[@]}" --filter "MainJobTests|BadInputTests"
fi
echo "no fault found by the $sanitizer sanitizer"
