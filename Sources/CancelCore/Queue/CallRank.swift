import CancelContract

/// Where a waiting order stands among those of its user key: the smaller rank is called first.
public struct CallRank: Comparable, Hashable, Sendable {
  /// A kill-switch goes before anything routine.
  public var priority: Priority
  /// Of equal priority, the earlier deadline goes first.
  public var deadline: Timestamp
  /// Of equal deadline, the earlier arrival goes first; counted by the engine.
  public var arrival: UInt64

  /// The rank of an order with these attributes.
  public init(priority: Priority, deadline: Timestamp, arrival: UInt64) {
    self.priority = priority
    self.deadline = deadline
    self.arrival = arrival
  }

  /// Whether `left` is called before `right`.
  public static func < (left: CallRank, right: CallRank) -> Bool {
    if left.priority != right.priority { return left.priority > right.priority }
    if left.deadline != right.deadline { return left.deadline < right.deadline }
    return left.arrival < right.arrival
  }
}
