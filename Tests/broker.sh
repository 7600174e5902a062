# Sourced by the test scripts: starts a broker for tests on a free port, unless KAFKA_BOOTSTRAP names one.
# Sets and exports KAFKA_BOOTSTRAP, and KAFKA_FULL=0 for its own: it is no full Kafka; stops what it started on exit.

broker_pid=""
broker_folder=""

stop_broker() {
  if [ -n "$broker_pid" ]; then
    kill "$broker_pid" 2>/dev/null || true
    wait "$broker_pid" 2>/dev/null || true
    broker_pid=""
  fi
  if [ -n "$broker_folder" ]; then rm -rf "$broker_folder"; fi
}

start_broker() {
  if [ -n "${KAFKA_BOOTSTRAP:-}" ]; then
    export KAFKA_BOOTSTRAP
    return
  fi
  local tools=.build/test-broker
  if [ ! -x "$tools/bin/noida-db" ]; then
    rm -rf "$tools"
    mkdir -p .build
    if ! python3 -m venv "$tools" 2>/dev/null; then
      rm -rf "$tools"
      Deploy/install-packages.sh python3 python3-venv
      python3 -m venv "$tools"
    fi
    "$tools/bin/pip" install --quiet --disable-pip-version-check noida-db==0.2.3
  fi
  broker_folder=$(mktemp -d)
  trap stop_broker EXIT
  local port
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  # The package's command starts this binary as a child and doesn't end it.
  local binary
  binary=$("$tools/bin/python" -c 'import noida_db, os; print(os.path.dirname(noida_db.__file__) + "/noida-db")')
  "$binary" start --only kafka --kafka-port "$port" --host 127.0.0.1 \
    --data-dir "$broker_folder/data" >"$broker_folder/log" 2>&1 &
  broker_pid=$!
  local tries=0
  until python3 -c "import socket; socket.create_connection(('127.0.0.1', $port), 1).close()" 2>/dev/null; do
    tries=$((tries + 1))
    if [ "$tries" -gt 100 ] || ! kill -0 "$broker_pid" 2>/dev/null; then
      echo "the test broker did not start:" >&2
      cat "$broker_folder/log" >&2
      exit 69
    fi
    sleep 0.1
  done
  export KAFKA_BOOTSTRAP="127.0.0.1:$port" KAFKA_FULL=0
}
