"""Sends requests in every form, waits for their results, and writes all events to FOLDER as JSON Lines.

Holds the events' headers against CloudEvents 1.0, and the dead letters against what was sent, byte for byte.
"""

import json
import os
import random
import sys
import time
import uuid
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition

folder = Path(sys.argv[1])
bootstrap = os.environ["KAFKA_BOOTSTRAP_SERVERS"]
topics = {name: os.environ[f"TOPICS_{name.upper()}"] for name in ("requests", "results", "dead_letters", "progress")}
seed = int(os.environ.get("SEED", random.randrange(1 << 30)))
print(f"events: seed={seed}")
random.seed(seed)

unreadable = [b"", b"not JSON", b"[]", b'{"orderId":0}', b'{"orderId":1.5}', b'{"account":"x"}', b"\xff\xfe", None]
sent, requests = [], []
for number in range(200):
    order = 13_000_000 + random.randrange(120)
    if number % 17 == 0:
        order = order * 1000 + 404
    event = {"orderId": order if number % 3 else str(order), "cancelId": f"c-{number}"}
    if number % 5 == 0:
        event |= {"priority": "killSwitch", "reason": "limit breached", "campaignId": "switch",
                  "origin": {"system": "risk", "actor": "r.miller"}, "decidedAt": "2026-11-23T05:29:21.303Z",
                  "context": {"x": [1, 2.50, None], "text": "é"}}
    if number % 40 == 3:
        event["deadline"] = "2026-01-01T00:00:00Z"
    headers = [("correlation-id", f"r-{number}".encode()),
               ("traceparent", f"00-{uuid.uuid4().hex}-{uuid.uuid4().hex[:16]}-01".encode())]
    value = json.dumps(event).encode()
    if number % 25 == 7:
        value = random.choice(unreadable)
    elif number % 7 == 1:
        headers += [("ce_specversion", b"1.0"), ("ce_id", f"e-{number}".encode()), ("ce_source", b"/desk-a"),
                    ("ce_type", b"cancel-worker.request.v1"), ("content-type", b"application/json")]
    elif number % 7 == 2:
        headers.append(("content-type", b"application/cloudevents+json"))
        value = json.dumps({"specversion": "1.0", "id": f"e-{number}", "source": "/desk-a",
                            "type": "cancel-worker.request.v1", "datacontenttype": "application/json",
                            "data": event}).encode()
    if number % 25 != 7:
        requests.append(event)
    sent.append((str(order).encode(), value, headers))

producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2_random"})
for key, value, headers in sent:
    producer.produce(topics["requests"], key=key, value=value, headers=headers)
assert producer.flush(20) == 0, "not every request could be sent"


def read(topic):
    """All records of the topic up to its present end."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "unused", "enable.auto.commit": False,
                         "enable.partition.eof": True, "isolation.level": "read_committed",
                         "auto.offset.reset": "earliest", "fetch.wait.max.ms": 50})
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
    records, ended = [], set()
    while len(ended) < len(partitions):
        message = consumer.poll(10)
        assert message is not None, f"{topic} can't be read to its end"
        if message.error():
            ended.add(message.partition())
        else:
            records.append(message)
    consumer.close()
    return records


until = time.monotonic() + 60
while len(results := read(topics["results"])) < len(sent):
    assert time.monotonic() < until, f"only {len(results)} of {len(sent)} results came"
assert len(results) == len(sent), f"{len(results)} results for {len(sent)} requests"
progress, dead = read(topics["progress"]), read(topics["dead_letters"])

for kind, records in (("result", results), ("progress", progress)):
    for record in records:
        headers = dict(record.headers())
        for name in ("ce_id", "ce_source", "ce_time", "correlation-id", "traceparent"):
            assert headers.get(name), f"{kind}: {name} is missing in {headers}"
        assert headers["ce_specversion"] == b"1.0" and headers["content-type"].startswith(b"application/json"), headers
        assert headers["ce_type"].startswith(b"cancel-worker." + kind.encode()), headers["ce_type"]
assert len({dict(r.headers())["ce_id"] for r in results}) == len(results), "two results have the same ce_id"

bad = sorted((key, value or b"") for key, value, _ in sent if value in unreadable)
assert sorted((r.key(), r.value() or b"") for r in dead) == bad, "dead letters are not what was sent"
for record in dead:
    names = dict(record.headers())
    assert {"dead-letter-problem", "dead-letter-topic", "dead-letter-partition", "dead-letter-offset"} <= set(names), names

outcomes = {}
for record in results:
    outcome = json.loads(record.value())["outcome"]
    outcomes[outcome] = outcomes.get(outcome, 0) + 1
assert {"accepted", "rejected", "expired", "invalid"} <= set(outcomes), outcomes
assert progress, "no progress was told although the quota was used up"
(folder / "requests.jsonl").write_text("".join(json.dumps(r) + "\n" for r in requests))
for name, records in (("results", results), ("progress", progress)):
    (folder / f"{name}.jsonl").write_bytes(b"".join(r.value() + b"\n" for r in records))
print(f"events: requests={len(sent)} results={len(results)} progress={len(progress)} dead letters={len(dead)} "
      + " ".join(f"{name}={count}" for name, count in sorted(outcomes.items())))
