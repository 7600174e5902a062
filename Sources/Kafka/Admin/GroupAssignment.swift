/// What a member of a group was given, in the bytes in which members tell each other: the consumer protocol's assignment,
/// version 0 and later (a version, then topics with their partitions, all in network order).
enum GroupAssignment {
  /// The partitions; those that could be read where the bytes end early or make no sense.
  static func partitions(_ bytes: UnsafeRawBufferPointer) -> [KafkaTopicPartition] {
    var reader = Reader(bytes: bytes)
    guard reader.integer(Int16.self) != nil, let topics = reader.integer(Int32.self), topics > 0 else { return [] }
    var found: [KafkaTopicPartition] = []
    for _ in 0..<topics {
      guard let topic = reader.string(), let count = reader.integer(Int32.self), count >= 0 else { return found }
      for _ in 0..<count {
        guard let partition = reader.integer(Int32.self) else { return found }
        found.append(KafkaTopicPartition(topic: topic, partition: partition))
      }
    }
    return found
  }

  private struct Reader {
    let bytes: UnsafeRawBufferPointer
    private var place = 0

    init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    mutating func integer<Value: FixedWidthInteger>(_ type: Value.Type) -> Value? {
      let size = MemoryLayout<Value>.size
      guard bytes.count - place >= size else { return nil }
      defer { place += size }
      return Value(bigEndian: bytes.loadUnaligned(fromByteOffset: place, as: Value.self))
    }

    mutating func string() -> String? {
      guard let length = integer(Int16.self), length >= 0, bytes.count - place >= Int(length) else { return nil }
      defer { place += Int(length) }
      return String(decoding: bytes[place..<place + Int(length)], as: UTF8.self)
    }
  }
}
