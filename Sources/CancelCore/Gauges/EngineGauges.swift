import CancelContract

/// What an engine has to do at one moment.
public struct EngineGauges: Sendable {
  /// Open requests by priority, those in flight among them.
  public var pending: [Priority: Int] = [.routine: 0, .killSwitch: 0]
  /// Orders that wait for a call by the priority of their most urgent request.
  public var waiting: [Priority: Int] = [.routine: 0, .killSwitch: 0]
  /// Orders that wait for their next attempt.
  public var backingOff = 0
  /// When the oldest request without a published result was produced.
  public var oldestProducedAt: Timestamp?
  /// When the oldest request without a published result was taken up.
  public var oldestReceivedAt: Timestamp?
  /// Every user key.
  public var keys: [KeyGauges] = []
  /// Since when the API as a whole is out.
  public var apiOutSince: Timestamp?
  /// The earliest time at which one of the keys for which orders wait can make its next call; `nil` where none waits
  /// or only an answer can tell.
  public var nextFreeCallAt: Timestamp?

  /// Nothing to do.
  public init() {}

  mutating func add(_ order: OpenOrder) {
    switch order.stage {
    case .waiting: waiting[order.rank.priority, default: 0] += 1
    case .backingOff: backingOff += 1
    case .arriving, .inFlight, .held: break
    }
    for request in order.requests {
      pending[request.received.request.priority, default: 0] += 1
      addAge(produced: request.received.producedAt, received: request.received.receivedAt)
    }
  }

  mutating func addAge(produced: Timestamp, received: Timestamp) {
    oldestProducedAt = min(oldestProducedAt ?? .distantFuture, produced)
    oldestReceivedAt = min(oldestReceivedAt ?? .distantFuture, received)
  }
}
