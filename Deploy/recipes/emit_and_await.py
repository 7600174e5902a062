#!/usr/bin/env python3
"""Emits a cancel for each order and waits for its result. Needs: pip install confluent-kafka

    emit_and_await.py 13902598 13902599 --account desk-a --kill-switch

The exit status is 0 if every cancel was accepted, 1 if not, 69 if a result did not come in time.
"""

import argparse
import json
import os
import sys
import time
import uuid
from datetime import datetime, timezone

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition


def from_the_end(bootstrap: str, topic: str) -> Consumer:
    """A reader of what comes from now on, without a group. Aborted transactions are no results: read_committed."""
    consumer = Consumer({
        "bootstrap.servers": bootstrap,
        "group.id": "unused",
        "enable.auto.commit": False,
        "isolation.level": "read_committed",
        "fetch.wait.max.ms": 50,
    })
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    ends = [(p, consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=10)[1]) for p in partitions]
    consumer.assign([TopicPartition(topic, partition, end) for partition, end in ends])
    return consumer


def emit(producer: Producer, topic: str, order: str, correlation: str, args: argparse.Namespace) -> None:
    request = {
        "cancelId": str(uuid.uuid4()),
        "orderId": int(order),  # or the decimal string, where your JSON library goes through a double
        "priority": "killSwitch" if args.kill_switch else "routine",
        "reason": "emit_and_await.py",
        "decidedAt": datetime.now(timezone.utc).isoformat(),
    }
    if args.account:
        request["account"] = args.account

    def delivered(error, _message):
        if error:
            sys.exit(f"order {order} was not emitted: {error}")

    # Keyed by order: what concerns one order stays in one partition, where duplicates meet.
    producer.produce(
        topic, key=order, value=json.dumps(request), headers={"correlation-id": correlation}, on_delivery=delivered)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("orders", nargs="+", metavar="ORDER_ID")
    parser.add_argument("--account")
    parser.add_argument("--kill-switch", action="store_true")
    parser.add_argument("--timeout", type=float, default=60, help="seconds")
    parser.add_argument("--bootstrap", default=os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "localhost:9092"))
    parser.add_argument("--requests", default="order-cancel.requests")
    parser.add_argument("--results", default="order-cancel.results")
    args = parser.parse_args()

    # Before the requests are out, so that no result is missed.
    consumer = from_the_end(args.bootstrap, args.results)
    producer = Producer({
        "bootstrap.servers": args.bootstrap,
        "enable.idempotence": True,
        # Keys go where those of Java producers and of the worker's own command go.
        "partitioner": "murmur2_random",
    })
    waiting = {}
    for order in args.orders:
        correlation = str(uuid.uuid4())
        waiting[correlation] = order
        emit(producer, args.requests, order, correlation, args)
    producer.flush(10)

    accepted = True
    until = time.monotonic() + args.timeout
    while waiting and time.monotonic() < until:
        message = consumer.poll(0.1)
        if message is None:
            continue
        if message.error():
            if message.error().code() == KafkaError._PARTITION_EOF:
                continue
            sys.exit(f"results can't be read: {message.error()}")
        correlation = dict(message.headers() or []).get("correlation-id", b"").decode()
        if waiting.pop(correlation, None) is None:
            continue
        result = json.loads(message.value())
        accepted = accepted and result["outcome"] == "accepted"
        print(json.dumps({k: result[k] for k in ("orderId", "outcome", "token", "problem", "attempts")}))
    consumer.close()
    for order in waiting.values():
        print(f"no result for order {order} within {args.timeout:g} s", file=sys.stderr)
    return 69 if waiting else 0 if accepted else 1


if __name__ == "__main__":
    sys.exit(main())
