#!/usr/bin/env bash
# Holds what a running worker publishes against its documents, with tools of other people: confluent-kafka as the client,
# jsonschema for the events, promtool for the metrics, kcat and Python for the recipes of Deploy/recipes.
# Starts a broker of its own, or uses KAFKA_BOOTSTRAP; promtool and kcat are left out where they are missing.
set -euo pipefail
cd "$(dirname "$0")/.."
source Tests/broker.sh
scratch=$(mktemp -d)
pids=()
finish() {
  for pid in "${pids[@]}"; do
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  stop_broker
  rm -r "$scratch"
}

Deploy/install-librdkafka.sh
swift build --product cancel-worker 2>&1 | tail -n 1
worker=.build/debug/cancel-worker
start_broker
trap finish EXIT # also for the broker, which has a trap of its own
python=.build/schemas/bin/python
[ -x "$python" ] || python3 -m venv .build/schemas
"$python" -c 'import confluent_kafka' 2>/dev/null || .build/schemas/bin/pip install --quiet confluent-kafka
port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
say() { echo "events: $*"; }
scrape() { # PORT NAME: both formats, looked at by promtool
  curl -sSf "http://127.0.0.1:$1/metrics" >"$scratch/$2.metrics"
  curl -sSf -H 'accept: application/openmetrics-text' "http://127.0.0.1:$1/metrics" >"$scratch/$2.openmetrics"
  tail -n 1 "$scratch/$2.openmetrics" | grep -qx '# EOF'
  if command -v promtool >/dev/null; then
    said=$(promtool check metrics <"$scratch/$2.metrics" 2>&1) || { echo "$said"; exit 1; }
    [ -z "$said" ] || { echo "$said"; exit 1; }
    say "promtool has nothing to say about $(grep -vc '^#' "$scratch/$2.metrics") samples of $2"
  fi
}
until_ready() { # PORT
  for _ in $(seq 300); do
    curl -sf "http://127.0.0.1:$1/readyz" >/dev/null && return
    sleep 0.1
  done
  echo "the worker is not ready" >&2
  exit 1
}

suffix=$RANDOM$RANDOM
api=$(port)
admin=$(port)
export KAFKA_BOOTSTRAP_SERVERS=$KAFKA_BOOTSTRAP KAFKA_PROPERTIES_FETCH_WAIT_MAX_MS=50
export TOPICS_REQUESTS=requests-$suffix TOPICS_RESULTS=results-$suffix TOPICS_LEDGER=ledger-$suffix
export TOPICS_DEAD_LETTERS=dead-letters-$suffix TOPICS_PROGRESS=progress-$suffix
"$worker" topics create >/dev/null
"$worker" simulate --port "$api" --quota 40 --window 1s 2>"$scratch/api.log" &
pids+=($!)
API_BASE_URL=http://127.0.0.1:$api ETORO_API_KEY=test-api-key ETORO_USER_KEY=test-user-key ADMIN_PORT=$admin LOG_LEVEL=warning \
  CONSUMER_GROUP_ID=events-$suffix WORKER_INSTANCE_ID=events-$suffix \
  QUOTA_CALLS=40 QUOTA_WINDOW=1s PROGRESS_AFTER=300ms "$worker" run 2>"$scratch/worker.log" &
pids+=($!)
until_ready "$admin"

"$python" Tests/events.py "$scratch"
Tests/schemas.sh "$scratch"/{requests,results,progress}.jsonl
scrape "$admin" worker

recipe=("$python" Deploy/recipes/emit_and_await.py --requests "$TOPICS_REQUESTS" --results "$TOPICS_RESULTS" --timeout 30)
"${recipe[@]}" 880001 880002 --kill-switch | grep -c '"outcome": "accepted"' | grep -qx 2
status=0
"${recipe[@]}" 880404 >/dev/null || status=$?
[ "$status" = 1 ] || { echo "emit_and_await.py: status $status for an order that is unknown" >&2; exit 1; }
say "emit_and_await.py tells accepted from rejected"
"$worker" request 880003 --wait --json >"$scratch/request.json" 2>/dev/null
grep -q '"outcome":"accepted"' "$scratch/request.json"
status=0
"$worker" request 881404 --wait >/dev/null 2>&1 || status=$?
[ "$status" = 1 ] || { echo "request --wait: status $status for an order that is unknown" >&2; exit 1; }

if command -v kcat >/dev/null && command -v jq >/dev/null; then
  # Each recipe as it is written, with this run's topics; readers end at the topic's end instead of waiting for more.
  (cd "$scratch" && printf '990001\n990002\n' >orders.txt)
  awk '/^```sh$/ { n++; inside = 1; next } /^```$/ { inside = 0 } inside { print > ("'"$scratch"'/recipe-" n ".sh") }' \
    Deploy/recipes/kcat.md
  for recipe in "$scratch"/recipe-*.sh; do
    sed -i -e "s/order-cancel\.\([a-z-]*\)/\1-$suffix/g" -e 's/-o end -u/-o beginning -e -q -u/' "$recipe"
    if ! (cd "$scratch" && B=$KAFKA_BOOTSTRAP bash -euo pipefail "$recipe" >"$recipe.out" 2>"$recipe.err"); then
      cat "$recipe" "$recipe.err" >&2
      exit 1
    fi
  done
  "$python" - "$scratch" <<'PYTHON'
import json, pathlib, sys
out = {p.name.split(".")[0]: p.read_text(errors="replace") for p in pathlib.Path(sys.argv[1]).glob("recipe-*.sh.out")}
lines = [text for text in out.values() if '"outcome"' in text or '"place"' in text or "dead-letter-problem" in text]
assert len(out) == 7 and len(lines) == 4, {name: text[:200] for name, text in out.items()}
PYTHON
  say "the recipes for kcat work"
fi

demo=$(port)
"$worker" demo --scenario kill-switch --admin-port "$demo" >"$scratch/demo.log" &
demo_pid=$!
until_ready "$demo"
sleep 2
scrape "$demo" kill-switch
wait "$demo_pid"
tail -n 1 "$scratch/demo.log"
# Answers that leave an order open are warnings of their own; anything else would be news.
if grep -v "request answered" "$scratch/worker.log"; then exit 1; fi
say "all as documented"
