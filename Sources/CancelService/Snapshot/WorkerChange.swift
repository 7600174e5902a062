import CancelContract
import CancelCore

/// A change of the worker's state that an operator has to hear of, with its reason.
public enum WorkerChange: Sendable, Equatable {
  /// A user key as operators know it.
  public struct Key: Sendable, Equatable {
    /// A short digest of the key (`UserKeyID`'s description).
    public var digest: String
    /// The accounts that use it.
    public var accounts: [AccountName]

    /// A key with this digest.
    public init(digest: String, accounts: [AccountName]) {
      self.digest = digest
      self.accounts = accounts
    }
  }

  /// What holds calls back began or ended; `key` is the user key that the change is about.
  case engine(EngineChange, key: Key?)
  /// No broker can be reached.
  case brokerUnreachable(since: Timestamp, reason: String)
  /// The system's clock was set, and the worker's time followed it by this much; negative where it was set back.
  case clockStepped(by: Duration)
  /// A broker answers again.
  case brokerReachable(unreachableFor: Duration)
}

extension EngineChange {
  /// The number of the user key that the change is about; `nil` where it is about all.
  var quotaKey: QuotaKey? {
    switch self {
    case .credentialRefused(let key, _, _), .credentialWorks(let key, _), .keyOut(let key, _, _), .keyBack(let key, _),
      .throttled(let key, _), .throttlingOver(let key):
      key
    case .apiOut, .apiBack, .sweepBegan, .sweepEnded, .held, .released: nil
    }
  }
}
