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
