"""Runs the worker WORKER against a simulated API and a collector of spans, and checks what the collector gets."""

import base64
import gzip
import http.server
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

from confluent_kafka import Consumer, Producer, TopicPartition
from google.protobuf import json_format
from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

worker = sys.argv[1]
REQUESTS = 40
SECRET = "canary-" + os.urandom(6).hex()


class Collector(http.server.ThreadingHTTPServer):
    """Takes every export but the first, which it asks to come again."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.taken, self.turned_away = [], []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        assert self.path == "/otlp/v1/traces", self.path
        assert self.headers["authorization"] == f"Basic {SECRET}", "the header did not come"
        server = self.server
        if not server.turned_away:
            server.turned_away.append(body)
            self.send_response(503)
            self.send_header("retry-after", "1")
            answer = b""
        else:
            server.taken.append((self.headers["content-type"], self.headers["content-encoding"], body))
            self.send_response(200)
            self.send_header("content-type", self.headers["content-type"])
            answer = b"{}" if "json" in self.headers["content-type"] else b""
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(what, seconds, condition):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.05)


def answers(port, path):
    try:
        return urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2).status == 200
    except OSError:
        return False


def with_bytes(node):
    """OTLP/JSON writes ids as hexadecimal digits where protobuf's JSON has base64; all else is protobuf's JSON."""
    if isinstance(node, list):
        return [with_bytes(item) for item in node]
    if not isinstance(node, dict):
        return node
    changed = {}
    for key, value in node.items():
        if key in ("traceId", "spanId", "parentSpanId"):
            assert re.fullmatch("[0-9a-f]{32}" if key == "traceId" else "[0-9a-f]{16}", value), f"{key}: {value}"
            value = base64.b64encode(bytes.fromhex(value)).decode()
        elif key in ("intValue", "startTimeUnixNano", "endTimeUnixNano", "timeUnixNano"):
            assert isinstance(value, str), f"{key} is no string: {value}"
        elif key in ("kind", "code"):
            assert isinstance(value, int), f"{key} is no number: {value}"
        changed[key] = with_bytes(value)
    return changed


def no_unknown_fields(message):
    assert len(UnknownFieldSet(message)) == 0, f"{message.DESCRIPTOR.name} has fields that it does not define"
    for field, value in message.ListFields():
        if field.message_type:
            for inner in value if field.is_repeated else [value]:
                no_unknown_fields(inner)


def parse(content_type, coding, body):
    if coding:
        assert coding == "gzip", coding
        body = gzip.decompress(body)
    request = ExportTraceServiceRequest()
    if content_type == "application/json":
        # Parse refuses names that the definitions don't have, and values of another type
        json_format.Parse(json.dumps(with_bytes(json.loads(body))), request)
    else:
        assert content_type == "application/x-protobuf", content_type
        request.ParseFromString(body)
        no_unknown_fields(request)
        assert request.SerializeToString() == body, "the canonical encoding differs"
    return request


def results_of(bootstrap, topic):
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "none", "enable.partition.eof": False})
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
    found, end = {}, time.monotonic() + 30
    while len(found) < REQUESTS and time.monotonic() < end:
        message = consumer.poll(0.2)
        if message is not None and not message.error():
            found[json.loads(message.value())["cancelId"]] = dict(message.headers())["traceparent"].decode()
    consumer.close()
    return found


def check(protocol, compression):
    collector = Collector()
    suffix = f"{protocol[5:]}-{random.randrange(1 << 30)}"
    bootstrap = os.environ["KAFKA_BOOTSTRAP"]
    api, admin = free_port(), free_port()
    environment = os.environ | {
        "KAFKA_BOOTSTRAP_SERVERS": bootstrap, "KAFKA_PROPERTIES_FETCH_WAIT_MAX_MS": "50",
        "TOPICS_REQUESTS": f"requests-{suffix}", "TOPICS_RESULTS": f"results-{suffix}",
        "TOPICS_LEDGER": f"ledger-{suffix}", "TOPICS_DEAD_LETTERS": f"dead-letters-{suffix}",
        "TOPICS_PROGRESS": f"progress-{suffix}", "TOPICS_CAMPAIGNS": f"campaigns-{suffix}",
        "TOPICS_CONFIRMATIONS": f"confirmations-{suffix}",
        "API_BASE_URL": f"http://127.0.0.1:{api}", "ETORO_API_KEY": "test-api-key", "ETORO_USER_KEY": "test-user-key",
        "ADMIN_PORT": str(admin), "CONSUMER_GROUP_ID": f"otlp-{suffix}", "WORKER_INSTANCE_ID": f"otlp-{suffix}",
        "QUOTA_CALLS": "1000", "QUOTA_WINDOW": "1s",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_address[1]}/otlp",
        "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Basic%20{SECRET}", "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
        "OTEL_EXPORTER_OTLP_COMPRESSION": compression,
        "OTEL_BSP_SCHEDULE_DELAY": "200", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "30",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test%2Cé",
    }
    subprocess.run([worker, "topics", "create"], env=environment, check=True, stdout=subprocess.DEVNULL)
    simulator = subprocess.Popen(
        [worker, "simulate", "--port", str(api), "--quota", "1000", "--window", "1s"], stderr=subprocess.DEVNULL)
    process = subprocess.Popen([worker, "run"], env=environment, stderr=subprocess.PIPE)
    log = []
    reader = threading.Thread(target=lambda: log.extend(process.stderr), daemon=True)
    reader.start()
    try:
        until("the worker is ready", 60, lambda: answers(admin, "/readyz"))
        began = time.time_ns()
        producer = Producer({"bootstrap.servers": bootstrap})
        sent = {}
        for number in range(REQUESTS):
            trace, parent = os.urandom(16).hex(), os.urandom(8).hex()
            sent[f"c-{number}"] = (trace, parent)
            producer.produce(
                environment["TOPICS_REQUESTS"], key=str(number).encode(),
                value=json.dumps({"orderId": 7_000_000 + number, "cancelId": f"c-{number}"}).encode(),
                headers=[("traceparent", f"00-{trace}-{parent}-01".encode()), ("tracestate", b"congo=t61")])
        assert producer.flush(20) == 0
        results = results_of(bootstrap, environment["TOPICS_RESULTS"])
        # what is not exported yet is when it stops
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, f"status {process.returncode}"
    finally:
        for child in (process, simulator):
            child.kill()
            child.wait()
        collector.shutdown()
    reader.join(10)
    text = b"".join(log).decode()
    assert SECRET not in text, "the log shows the header"
    assert "spans are not exported" not in text, text
    assert collector.turned_away and collector.taken[0][2] == collector.turned_away[0], "the 503 was not repeated"
    assert all((taken[1] == "gzip") == (compression == "gzip") for taken in collector.taken)

    requests = [parse(*taken) for taken in collector.taken]
    spans = []
    for request in requests:
        assert len(request.resource_spans) == 1
        resource = {a.key: a.value.string_value for a in request.resource_spans[0].resource.attributes}
        assert resource["service.name"] == "cancel-worker" and resource["deployment.environment.name"] == "test,é"
        assert resource["service.instance.id"] == environment["WORKER_INSTANCE_ID"], resource
        scope = request.resource_spans[0].scope_spans[0]
        assert scope.scope.name == "cancel-worker" and scope.scope.version
        assert 1 <= len(scope.spans) <= 30
        spans += scope.spans
    assert len({span.span_id for span in spans}) == len(spans), "a span came twice"
    for span in spans:
        assert len(span.trace_id) == 16 and len(span.span_id) == 8
        assert began - 10**9 < span.start_time_unix_nano <= span.end_time_unix_nano < time.time_ns() + 10**9
    processed = {}
    for span in spans:
        attributes = {a.key: a.value for a in span.attributes}
        if span.kind == Span.SPAN_KIND_CONSUMER:
            cancel_id = attributes["messaging.message.id"].string_value
            assert (span.trace_id.hex(), span.parent_span_id.hex()) == sent[cancel_id], "the parent is not the request's"
            assert span.trace_state == "congo=t61" and span.flags & 0x301 == 0x301
            assert span.status.code == Status.STATUS_CODE_UNSET
            assert attributes["messaging.kafka.offset"].HasField("int_value")
            assert results[cancel_id] == f"00-{span.trace_id.hex()}-{span.span_id.hex()}-01", "the result's context"
            processed[span.span_id] = span
    assert len(processed) == REQUESTS == len(results), f"{len(processed)} spans, {len(results)} results"
    calls = [span for span in spans if span.kind == Span.SPAN_KIND_CLIENT]
    assert len(calls) == REQUESTS
    for span in calls:
        assert processed[span.parent_span_id].trace_id == span.trace_id
        assert {a.key: a.value for a in span.attributes}["http.response.status_code"].int_value == 200
    print(f"otlp: {protocol}, {compression}: requests={len(requests)} spans={len(spans)} all as defined, each below its request's parent")


check("http/json", "none")
check("http/json", "gzip")
check("http/protobuf", "none")
