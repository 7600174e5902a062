/// The partitions that are owned, by their numbers, each changed in place: Kafka counts partitions from 0.
///
/// An array, not a dictionary, whose getter would copy a partition's whole state for a look at one of its fields. Its
/// elements are not optional and its accessors inlined, for otherwise each look allocates a frame.
struct OwnedPartitions: Sendable {
  /// What stands for partitions that are not owned, then each partition at its number and one.
  private var ledgers = [PartitionLedger.notOwned]

  /// The numbers of the partitions, in ascending order.
  var numbers: [Int32] { ledgers.indices.dropFirst().filter { ledgers[$0].isOwned }.map { Int32($0 - 1) } }

  /// The state of a partition. One that is not owned is `PartitionLedger.notOwned`, and can't be changed.
  subscript(number: Int32) -> PartitionLedger {
    @inline(__always) _read { yield ledgers[place(of: number)] }
    @inline(__always) _modify {
      precondition(owns(number), "Only a partition that is owned can be changed.")
      yield &ledgers[place(of: number)]
    }
  }

  func owns(_ number: Int32) -> Bool { ledgers[place(of: number)].isOwned }

  mutating func add(_ number: Int32, _ ledger: PartitionLedger) {
    precondition(number >= 0, "Kafka counts partitions from 0.")
    let missing = Int(number) + 2 - ledgers.count
    if missing > 0 { ledgers.append(contentsOf: repeatElement(.notOwned, count: missing)) }
    ledgers[place(of: number)] = ledger
  }

  mutating func remove(_ number: Int32) {
    guard owns(number) else { return }
    ledgers[place(of: number)] = .notOwned
  }

  private func place(of number: Int32) -> Int {
    let place = Int(number) + 1
    return place < ledgers.count ? place : 0
  }
}

extension PartitionLedger {
  /// Nothing is known, and no ownership had its epoch.
  fileprivate static let notOwned = PartitionLedger(epoch: 0)

  fileprivate var isOwned: Bool { epoch > 0 }
}
