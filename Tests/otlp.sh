#!/usr/bin/env bash
# Holds the traces that a running worker exports against OpenTelemetry's own protobuf definitions (PyPI's
# opentelemetry-proto), in both encodings, and each against the trace context of its request.
# Starts a broker of its own, or uses KAFKA_BOOTSTRAP. Says that it was skipped where PyPI can't be reached.
set -euo pipefail
cd "$(dirname "$0")/.."
source Tests/broker.sh
python=.build/otlp/bin/python
[ -x "$python" ] || python3 -m venv .build/otlp
if ! "$python" -c 'import confluent_kafka, opentelemetry.proto.collector.trace.v1.trace_service_pb2' 2>/dev/null &&
  ! said=$(.build/otlp/bin/pip install --quiet --disable-pip-version-check --retries 1 opentelemetry-proto confluent-kafka 2>&1); then
  echo "otlp: SKIPPED, nothing was checked: opentelemetry-proto can't be had from PyPI"
  echo "$said" | tail -n 1
  exit 0
fi
Deploy/install-librdkafka.sh
swift build --product cancel-worker 2>&1 | tail -n 1
start_broker
"$python" Tests/otlp.py .build/debug/cancel-worker
