/// One partition's time with this worker: from the moment at which the group assigned it until it is given up.
///
/// Everything that is done for a partition (its restore, its calls, its commits, its handover) carries the assignment
/// under which it was begun, and is dropped where the partition has another one by then.
public struct Assignment: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// The partition of the requests topic, and of the ledger.
  public let partition: Int32
  /// Which assignment of the group it is part of, counted from 1 by the consumer: a later one has a larger number.
  public let number: UInt64

  /// The partition's part in the group's assignment with this number.
  public init(partition: Int32, number: UInt64) {
    precondition(number >= 1, "Assignments are counted from 1.")
    self.partition = partition
    self.number = number
  }

  /// By the group's assignment, then by the partition.
  public static func < (left: Assignment, right: Assignment) -> Bool {
    (left.number, left.partition) < (right.number, right.partition)
  }

  /// The partition and the assignment's number, for logs.
  public var description: String { "\(partition)#\(number)" }
}
