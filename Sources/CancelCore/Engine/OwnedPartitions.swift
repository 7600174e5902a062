/// The partitions that are owned, by their numbers, each changed in place: Kafka counts partitions from 0.
///
/// An array, not a dictionary, whose getter would copy a partition's whole state for a look at one of its fields.
struct OwnedPartitions: Sendable {
  private var ledgers: [PartitionLedger?] = []

  /// The numbers of the partitions, in ascending order.
  var numbers: [Int32] { ledgers.indices.filter { ledgers[$0] != nil }.map { Int32($0) } }

  /// The state of a partition; `nil` where it is not owned.
  subscript(number: Int32) -> PartitionLedger? {
    _read {
      if ledgers.indices.contains(Int(number)) {
        yield ledgers[Int(number)]
      } else {
        yield nil
      }
    }
    _modify {
      precondition(number >= 0, "Kafka counts partitions from 0.")
      let missing = Int(number) + 1 - ledgers.count
      if missing > 0 { ledgers.append(contentsOf: repeatElement(nil, count: missing)) }
      yield &ledgers[Int(number)]
    }
  }
}
