import Testing

@testable import Kafka

@Suite struct GroupAssignmentTests {
  private static let bytes: [UInt8] =
    [0, 1, 0, 0, 0, 2, 0, 1, 0x61, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 5, 0, 2, 0x62, 0x63, 0, 0, 0, 1, 0, 0, 0, 0]
    + [0xFF, 0xFF, 0xFF, 0xFF]

  @Test func partitionsAreReadByTopic() {
    let found = Self.bytes.withUnsafeBytes { GroupAssignment.partitions($0) }
    #expect(
      found == [
        KafkaTopicPartition(topic: "a", partition: 3), KafkaTopicPartition(topic: "a", partition: 5),
        KafkaTopicPartition(topic: "bc", partition: 0),
      ])
  }

  @Test func bytesThatEndEarlyOrMakeNoSenseAreNoFault() {
    for length in 0..<33 {
      let found = Self.bytes.prefix(length).withUnsafeBytes { GroupAssignment.partitions($0) }
      #expect(found.count <= 3)
    }
    for seed in 0..<200 {
      var bytes = Self.bytes
      bytes[seed % bytes.count] = UInt8(truncatingIfNeeded: seed * 37)
      #expect(bytes.withUnsafeBytes { GroupAssignment.partitions($0) }.count <= bytes.count)
    }
  }
}
