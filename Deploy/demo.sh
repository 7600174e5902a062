#!/usr/bin/env bash
# Builds the worker and runs the demo: an embedded broker, a simulated API, the real worker. Takes the demo's options.
set -euo pipefail
cd "$(dirname "$0")/.."
Deploy/install-librdkafka.sh
swift build --product cancel-worker -c "${BUILD_CONFIGURATION:-debug}"
exec "$(swift build --product cancel-worker -c "${BUILD_CONFIGURATION:-debug}" --show-bin-path)/cancel-worker" demo "$@"
