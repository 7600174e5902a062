/// What became of a request.
public enum CancelOutcome: UInt8, Sendable, CaseIterable {
  /// The API took the cancel (any 2xx).
  case accepted = 0
  /// The API refused this cancel (400, 404, 422 and their like).
  case rejected = 1
  /// The deadline passed before a call was sent.
  case expired = 2
  /// No answer that settles the order could be had; the problem says whether the outcome is unknown.
  case failed = 3
  /// The message could not be read as a request.
  case invalid = 4

  /// The outcome's name in results.
  public var name: String {
    switch self {
    case .accepted: "accepted"
    case .rejected: "rejected"
    case .expired: "expired"
    case .failed: "failed"
    case .invalid: "invalid"
    }
  }
}
