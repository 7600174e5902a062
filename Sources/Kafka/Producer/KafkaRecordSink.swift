import CRdkafka

/// Takes the records of one transaction or publishing. Everything is copied before a call returns.
///
/// Throws `KafkaError`, with `messageTooLarge` for a record that can be left out without harm to the others.
public struct KafkaRecordSink: ~Copyable {
  private let writer: RecordWriter

  init(writer: RecordWriter) {
    self.writer = writer
  }

  /// Sends a record.
  public mutating func send(_ record: KafkaRecord) throws {
    try send(
      topic: record.topic, partition: record.partition, key: record.key, value: record.value, headers: record.headers,
      timestampMilliseconds: record.timestampMilliseconds)
  }

  /// Sends a record; see `KafkaRecord` for what each part means.
  public mutating func send(
    topic: String, partition: Int32? = nil, key: [UInt8]?, value: [UInt8]?, headers: [KafkaHeader] = [],
    timestampMilliseconds: Int64? = nil
  ) throws {
    try send(
      topic: topic, partition: partition, key: key, value: value, timestampMilliseconds: timestampMilliseconds,
      headerCount: headers.count
    ) { writer in
      for header in headers { writer.add(header.name, header.value) }
    }
  }

  /// Sends a record whose headers are written straight into librdkafka's list, for where many are sent.
  /// - Parameter headerCount: how many headers to make room for.
  public mutating func send(
    topic: String, partition: Int32? = nil, key: [UInt8]?, value: [UInt8]?, timestampMilliseconds: Int64? = nil,
    headerCount: Int, headers: (inout KafkaHeaderWriter) throws -> Void
  ) throws {
    var list: OpaquePointer?
    if headerCount > 0 {
      var headerWriter = KafkaHeaderWriter(capacity: headerCount)
      try headers(&headerWriter)
      list = headerWriter.take()
    }
    try withOptionalBytes(of: key) { key in
      try withOptionalBytes(of: value) { value in
        try writer.write(
          topic: topic, partition: partition, key: key, value: value, timestamp: timestampMilliseconds, headers: list)
      }
    }
  }
}

private func withOptionalBytes(
  of bytes: [UInt8]?, _ body: (UnsafeRawBufferPointer?) throws -> Void
) rethrows {
  guard let bytes else { return try body(nil) }
  try bytes.withUnsafeBytes { try body($0) }
}

/// Writes the headers of one record.
public struct KafkaHeaderWriter: ~Copyable {
  private var list: OpaquePointer?

  init(capacity: Int) {
    list = rd_kafka_headers_new(capacity)
  }

  deinit {
    if let list { rd_kafka_headers_destroy(list) }
  }

  /// Gives the list away; nothing can be added any more.
  mutating func take() -> OpaquePointer? {
    defer { list = nil }
    return list
  }

  /// Adds a header with the given bytes; `nil` is a null value.
  public mutating func add(_ name: String, _ value: [UInt8]?) {
    guard let value else { return add(name, bytes: nil) }
    value.withUnsafeBytes { add(name, bytes: $0) }
  }

  /// Adds a header whose value is text.
  public mutating func add(_ name: String, _ value: String) {
    var value = value
    value.withUTF8 { add(name, bytes: UnsafeRawBufferPointer($0)) }
  }

  private func add(_ name: String, bytes: UnsafeRawBufferPointer?) {
    var name = name
    name.withUTF8 { name in
      name.withMemoryRebound(to: CChar.self) { name in
        guard let bytes else {
          rd_kafka_header_add(list, name.baseAddress, name.count, nil, 0)
          return
        }
        // An empty value needs an address to be told from a null one.
        var nothing: UInt8 = 0
        withUnsafePointer(to: &nothing) { nothing in
          _ = rd_kafka_header_add(
            list, name.baseAddress, name.count, bytes.baseAddress ?? UnsafeRawPointer(nothing), bytes.count)
        }
      }
    }
  }
}

/// Hands records to librdkafka. Used on the producer's thread only.
final class RecordWriter {
  let handle: ClientHandle
  /// Whether each record carries its number, for the delivery reports.
  var numbersRecords = false
  /// The records written since this was last set.
  var count = 0
  private var topics: [String: OpaquePointer] = [:]
  private var lastTopic: (name: String, handle: OpaquePointer)?
  private let arguments: UnsafeMutableBufferPointer<rd_kafka_vu_t>

  init(handle: ClientHandle) {
    self.handle = handle
    arguments = .allocate(capacity: 8)
    arguments.initialize(repeating: rd_kafka_vu_t())
    arguments[1].vtype = RD_KAFKA_VTYPE_PARTITION
    arguments[2].vtype = RD_KAFKA_VTYPE_MSGFLAGS
    arguments[2].u.i = RD_KAFKA_MSG_F_COPY
    arguments[3].vtype = RD_KAFKA_VTYPE_VALUE
    arguments[4].vtype = RD_KAFKA_VTYPE_KEY
    arguments[5].vtype = RD_KAFKA_VTYPE_OPAQUE
    arguments[0].vtype = RD_KAFKA_VTYPE_RKT
  }

  deinit {
    for topic in topics.values { rd_kafka_topic_destroy(topic) }
    arguments.deallocate()
  }

  var client: OpaquePointer { handle.pointer }

  /// Writes one record; takes the headers over, whatever happens.
  ///
  /// The bytes are copied before it returns. A full queue is waited for.
  func write(
    topic: String, partition: Int32?, key: UnsafeRawBufferPointer?, value: UnsafeRawBufferPointer?,
    timestamp: Int64?, headers: OpaquePointer?
  ) throws {
    do {
      arguments[0].u.rkt = try topicHandle(topic)
    } catch {
      if let headers { rd_kafka_headers_destroy(headers) }
      throw error
    }
    arguments[1].u.i32 = partition ?? RD_KAFKA_PARTITION_UA
    set(value, at: 3)
    set(key, at: 4)
    arguments[5].u.ptr = numbersRecords ? UnsafeMutableRawPointer(bitPattern: count + 1) : nil
    var used = 6
    if let timestamp {
      arguments[used].vtype = RD_KAFKA_VTYPE_TIMESTAMP
      arguments[used].u.i64 = timestamp
      used += 1
    }
    if let headers {
      // The whole list, never VTYPE_HEADER: that one is freed twice where the topic or partition is unknown.
      arguments[used].vtype = RD_KAFKA_VTYPE_HEADERS
      arguments[used].u.headers = headers
      used += 1
    }
    while let object = rd_kafka_produceva(client, arguments.baseAddress, used) {
      let error = KafkaError(consuming: object, operation: "produce")
      if error.code == .queueFull, handle.fatalError("produce") == nil {
        rd_kafka_flush(client, 1000)
        continue
      }
      if let headers { rd_kafka_headers_destroy(headers) }
      throw handle.fatalError("produce") ?? error
    }
    count += 1
  }

  /// Null and empty are different things in Kafka; an empty Swift buffer may have no address.
  private func set(_ bytes: UnsafeRawBufferPointer?, at index: Int) {
    guard let bytes else {
      arguments[index].u.mem = .init(ptr: nil, size: 0)
      return
    }
    let address = bytes.baseAddress ?? UnsafeRawPointer(UnsafeMutableRawPointer(arguments.baseAddress))
    arguments[index].u.mem = .init(ptr: UnsafeMutableRawPointer(mutating: address), size: bytes.count)
  }

  private func topicHandle(_ name: String) throws -> OpaquePointer {
    if let lastTopic, lastTopic.name == name { return lastTopic.handle }
    if let known = topics[name] {
      lastTopic = (name, known)
      return known
    }
    guard let topic = rd_kafka_topic_new(client, name, nil) else {
      throw KafkaError(rd_kafka_last_error(), operation: "produce", message: "\(name) is no name for a topic")
    }
    topics[name] = topic
    lastTopic = (name, topic)
    return topic
  }
}
