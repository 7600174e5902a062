import CancelContract

/// That a request waits, or will wait, long enough to be told.
public struct WaitNotice: Hashable, Sendable {
  /// What holds it back.
  public enum Reason: Sendable {
    /// The key's quota is used up.
    case quota
    /// The API, or this key's calls, fail.
    case outage
    /// The API refuses the credential, and requests are held.
    case breakerHeld
  }

  /// The request.
  public var received: ReceivedRequest
  /// The account it is for.
  public var account: AccountName
  /// What holds it back.
  public var reason: Reason
  /// Its place among the orders of its user key, from 1.
  public var place: Int
  /// When its call is expected; `nil` where that can't be told.
  public var estimatedAt: Timestamp?
  /// When this was found.
  public var reportedAt: Timestamp
  /// Counts the notices of one request from 1.
  public var sequence: UInt32
}
