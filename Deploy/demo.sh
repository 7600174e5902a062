#!/usr/bin/env bash
# Builds the worker and runs the demo: an embedded broker, a simulated API, the real worker. Takes the demo's options.
#
# For `--scenario sweep` it starts a broker that keeps positions through a crash (or takes the one that KAFKA_BOOTSTRAP
# names): the worker is killed in the middle of the sweep.
set -euo pipefail
cd "$(dirname "$0")/.."
Deploy/install-librdkafka.sh
swift build --product cancel-worker -c "${BUILD_CONFIGURATION:-debug}"
worker="$(swift build --product cancel-worker -c "${BUILD_CONFIGURATION:-debug}" --show-bin-path)/cancel-worker"
case " $* " in
*" --broker"*) exec "$worker" demo "$@" ;;
*" sweep "* | *"=sweep "*) ;;
*) exec "$worker" demo "$@" ;;
esac
source Tests/broker.sh
start_broker
# The demo ends in order at a signal; the broker goes after it.
trap 'kill -INT "$demo" 2>/dev/null || true' INT
trap 'kill -TERM "$demo" 2>/dev/null || true' TERM
"$worker" demo "$@" --broker "$KAFKA_BOOTSTRAP" &
demo=$!
status=0
wait "$demo" || status=$?
# A signal ends the first wait before the demo has ended.
while kill -0 "$demo" 2>/dev/null; do wait "$demo" || status=$?; done
exit "$status"
