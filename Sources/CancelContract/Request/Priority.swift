/// How urgent a cancel is.
public enum Priority: UInt8, Sendable, CaseIterable, Comparable {
  /// Everyday cancels.
  case routine = 0
  /// A risk engine's order to get out: overtakes everything routine.
  case killSwitch = 1

  /// The priority's name in requests and results.
  public var name: String {
    switch self {
    case .routine: "routine"
    case .killSwitch: "killSwitch"
    }
  }

  /// Whether the left priority is the less urgent one.
  @inlinable
  public static func < (left: Priority, right: Priority) -> Bool { left.rawValue < right.rawValue }
}
