/// The holds that are in force, as the control topic tells them.
public struct Holds: Hashable, Sendable {
  /// The hold of every account; `nil` where there is none.
  public private(set) var everywhere: HoldEvent?
  /// The holds of single accounts.
  public private(set) var byAccount: [AccountName: HoldEvent] = [:]

  /// No hold.
  public init() {}

  /// Takes the last word on an account, or on every account.
  public mutating func take(_ event: HoldEvent) {
    let standing = event.extent == .none ? nil : event
    if let account = event.account { byAccount[account] = standing } else { everywhere = standing }
  }

  /// Whether a request of this account and priority waits.
  public func cover(_ account: AccountName, _ priority: Priority) -> Bool {
    if everywhere?.extent.covers(priority) == true { return true }
    return !byAccount.isEmpty && byAccount[account]?.extent.covers(priority) == true
  }

  /// All of them: that of every account first, the others by name.
  public var all: [HoldEvent] {
    (everywhere.map { [$0] } ?? [])
      + byAccount.sorted { $0.key.description < $1.key.description }.map(\.value)
  }

  /// Whether nothing is held.
  public var isEmpty: Bool { everywhere == nil && byAccount.isEmpty }
}
