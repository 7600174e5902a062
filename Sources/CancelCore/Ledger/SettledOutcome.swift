import CancelContract

/// What the API said of an order, as it answers duplicates until `until`.
struct SettledOutcome: Hashable, Sendable {
  var until: Timestamp
  var outcome: CancelOutcome
  /// The request whose call this was.
  var cancelID: String
  var token: String?
  var problem: Problem?
  var httpStatus: Int?
  var attempts: Int
  var sends: [Send]
  /// Calls of an earlier life of the order that may still hold slots.
  var earlierSends: [Send] = []
}
