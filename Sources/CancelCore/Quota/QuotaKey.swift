/// The worker's own number for a user key: accounts that share the key share the number, and with it the quota.
public struct QuotaKey: Hashable, Sendable {
  /// Counted from 0 in the order in which the keys became known.
  public let index: Int

  /// The key with this number.
  public init(index: Int) {
    self.index = index
  }
}
