/// The topics that the worker reads and writes.
public struct TopicNames: Sendable, Hashable {
  /// Cancel requests in.
  public var requests = "order-cancel.requests"
  /// One result per request out.
  public var results = "order-cancel.results"
  /// Order states, compacted; as many partitions as `requests`.
  public var ledger = "order-cancel.ledger"
  /// Messages that could not be taken as requests.
  public var deadLetters = "order-cancel.dead-letters"
  /// Notices of long waits.
  public var progress = "order-cancel.progress"

  /// How campaigns stand, compacted; as many partitions as `requests`.
  public var campaigns = "order-cancel.campaigns"
  /// What became of orders whose cancel was accepted.
  public var confirmations = "order-cancel.confirmations"

  /// What operators hold back, compacted.
  public var control = "order-cancel.control"

  /// All of them, in the order of a request's way.
  public var all: [String] {
    [requests, results, ledger, deadLetters, progress, campaigns, confirmations, control]
  }

  /// The default names.
  public init() {}

  /// The default names with another beginning than `order-cancel`, for a demo, a benchmark or a test of its own.
  package init(prefix: String) {
    for name in [
      \TopicNames.requests, \.results, \.ledger, \.deadLetters, \.progress, \.campaigns, \.confirmations, \.control,
    ] { self[keyPath: name] = prefix + self[keyPath: name].dropFirst("order-cancel".count) }
  }
}
