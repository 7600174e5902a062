#!/usr/bin/env bash
# Runs the tests. Installs what they need, starts a broker of its own on a free port and stops it.
#
#   Tests/run.sh                 every test; those that need a broker also with the image's librdkafka
#   Tests/run.sh chaos           only the crash test: the worker is killed again and again under load
#   Tests/run.sh soak [MINUTES]  only the soak, 20 minutes by default, against a release build of the worker
#   Tests/run.sh simulate [N]    N histories of whole workers on virtual time (20000 by default), then every known
#                                fault put in, each of which has to be found
#   Tests/run.sh --filter NAME   whatever options `swift test` takes
#
# With KAFKA_BOOTSTRAP=host:port that broker is used instead, and the tests that need a full Kafka run too.
set -euo pipefail
cd "$(dirname "$0")/.."
Deploy/install-librdkafka.sh
if [ "${1:-}" = simulate ]; then
  swift build -c release --product cancel-worker-simulation
  exec "$(swift build -c release --show-bin-path)/cancel-worker-simulation" "${2:-20000}" "${@:3}"
fi
source Tests/broker.sh
start_broker
swift build --build-tests --explicit-target-dependency-import-check error

# Runs the tests that match FILTER, and keeps their output under NAME.
run_tests() {
  swift test --skip-build --filter "$2" 2>&1 | tee "$logs/$1.log" || failed+=("$1")
}

# The same with the librdkafka in FOLDER instead of the system's.
run_with_librdkafka() {
  local version=${3##*-}
  LIBRDKAFKA_VERSION=$version LD_LIBRARY_PATH=$3 run_tests "$1-librdkafka-$version" "$2"
}

# A crash leaves no line of its own: then the end tells.
tell_failures() {
  { grep -aE '^(✘|error:|.*Fatal error)' "$logs/$1.log" || tail -n 30 "$logs/$1.log"; } | cut -c1-2000 >&2
}

case "${1:-}" in
chaos)
  shift
  swift test --skip-build --filter ChaosTests "$@"
  ;;
soak)
  CANCEL_WORKER=$(Deploy/build.sh)
  export CANCEL_WORKER SOAK_MINUTES="${2:-20}"
  swift test --skip-build --filter SoakTests
  ;;
"")
  # One target after another: a load in one must not make another's time-outs run out.
  logs=.build/test-logs
  mkdir -p "$logs"
  failed=()
  for folder in Tests/*Tests; do
    target=$(basename "$folder" Tests)
    run_tests "$target" "${target}Tests\\."
  done
  if library=$(Tests/librdkafka.sh); then
    run_with_librdkafka Kafka '^KafkaTests\.' "$library"
    run_with_librdkafka Integration '^IntegrationTests\.' "$library"
  else
    echo "skipped: the tests with the image's librdkafka, which PyPI did not give"
  fi
  if [ "${#failed[@]}" -gt 0 ]; then
    for target in "${failed[@]}"; do tell_failures "$target"; done
    echo "failed: ${failed[*]}; the whole output is in $logs" >&2
    exit 1
  fi
  echo "all tests passed"
  ;;
*)
  swift test --skip-build "$@"
  ;;
esac
