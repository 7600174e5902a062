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
export LSAN_OPTIONS="suppressions=$PWD/Tests/Sanitizers/leaks.txt"
options=(--sanitize "$sanitizer" --scratch-path ".build/$sanitizer-sanitizer")
swift build --build-tests "${options[@]}"
if [ "$sanitizer" = thread ]; then
  folder=$PWD/.build/$sanitizer-sanitizer
  unseen=$folder/unseen.so
  clang -O1 -Wall -Wextra -shared -fPIC -o "$unseen" Tests/Sanitizers/thread-sanitizer.c
  # The tests start the worker with an environment of its own.
  export CANCEL_WORKER=$folder/cancel-worker
  printf '#!/usr/bin/env bash\nTSAN_OPTIONS="%s" LD_PRELOAD="%s" exec "%s" "$@"\n' \
    "$TSAN_OPTIONS" "$unseen" "$(swift build "${options[@]}" --show-bin-path)/cancel-worker" >"$CANCEL_WORKER"
  chmod +x "$CANCEL_WORKER"
fi

run() { LD_PRELOAD=${unseen:-} swift test --skip-build "${options[@]}" "$@"; }

if [ $# -gt 0 ]; then
  run "$@"
else
  for target in Kafka CancelContract CancelAPI CancelCore CancelService Operations EToroSimulator CommandLine; do
    run --filter "${target}Tests\\."
  done
  run --filter "MainJobTests|BadInputTests"
fi
echo "no fault found by the $sanitizer sanitizer"
