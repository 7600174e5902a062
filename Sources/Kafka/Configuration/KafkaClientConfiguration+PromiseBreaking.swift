extension KafkaClientConfiguration {
  /// The properties that may not be set from outside, each with the reason for people.
  ///
  /// They decide what is delivered, what is read and what is committed; aliases of librdkafka's are among them.
  public static let promiseBreakingProperties: [String: String] = [
    "bootstrap.servers": "has a key of its own",
    "metadata.broker.list": "is the older name of bootstrap.servers, which has a key of its own",
    "client.id": "is named after the instance",
    "group.id": "has a key of its own",
    "group.instance.id": "follows from the instance, so that a restart causes no rebalance",
    "transactional.id": "follows from the instance, so that a successor fences its predecessor",
    "enable.idempotence": "must be on: without it a retry can repeat or reorder records",
    "acks": "must be 'all': anything less loses records when a broker fails",
    "request.required.acks": "is the older name of acks, which must be 'all'",
    "enable.gapless.guarantee": "would turn a passing fault into a fatal one",
    "isolation.level": "must be 'read_committed': aborted records are no records",
    "enable.auto.commit": "must be off: positions move only together with what was done",
    "auto.commit.enable": "is the older name of enable.auto.commit, which must be off",
    "enable.auto.offset.store": "must be off: positions move only together with what was done",
    "auto.offset.reset": "must be 'earliest': anything else skips records",
    "offset.store.method": "must be the broker",
    "partition.assignment.strategy": "must be 'range': like-numbered partitions of several topics belong together",
    "enable.partition.eof": "is set where the end of a partition matters",
    "delivery.report.only.error": "is set as each producer needs it",
    "log.queue": "would keep the client's messages from the log",
    "log_level": "follows from the log's level",
    "enabled_events": "is set as each client needs it",
    "test.mock.num.brokers": "would replace the brokers by an embedded cluster",
    "allow.auto.create.topics": "is off: a mistyped topic must be an error",
  ]
}
