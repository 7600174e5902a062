import CancelContract
import CancelCore
import Kafka

extension WorkerLoop {
  /// Takes messages in the order in which they were read.
  func take(_ messages: [IncomingMessage]) {
    unacknowledged += messages.reduce(0) { $0 + $1.raw.credit }
    // While stopping, or after the partition was given up, nothing is taken: the position stays before it.
    guard !isStopping && failure == nil else { return }
    let now = clock.now
    for message in messages { take(message, at: now) }
    turn()
  }

  private func take(_ message: IncomingMessage, at now: Timestamp) {
    switch message {
    case .request(var request, let raw):
      guard engine.isActive(raw.partition) else { return }
      for observer in observers { observer.arrived(&request, at: now) }
      let receipt = engine.receive(request, at: now)
      for observer in observers { observer.received(request, receipt, at: now) }
      if receipt == .accountUnknown {
        let unreadable = UnreadableRequest(unknownAccountOf: request, default: settings.defaultAccount)
        engine.refuse(RefusedMessage(raw, problem: unreadable.problem), with: unreadable.result(answeredAt: now))
      }
    case .unreadable(var unreadable, let raw):
      guard engine.isActive(raw.partition) else { return }
      for observer in observers { observer.arrived(&unreadable, at: now) }
      engine.refuse(RefusedMessage(raw, problem: unreadable.problem), with: unreadable.result(answeredAt: now))
    }
  }

  /// Lets the consumer hand over more, unless too many requests are open.
  func acknowledge() {
    guard unacknowledged > 0, engine.openRequests < settings.maxPending else { return }
    consumer?.acknowledge(unacknowledged)
    unacknowledged = 0
  }
}

extension UnreadableRequest {
  /// A request that could be read, for an account that is not configured.
  init(unknownAccountOf received: ReceivedRequest, default defaultAccount: AccountName) {
    let name = received.request.account ?? defaultAccount
    let problem = Problem(
      .accountUnknown,
      detail: "no account named '\(name)' is configured: "
        + "configure it, or name another in the request's member 'account'",
      member: "account")
    self.init(received, account: name, problem: problem)
  }
}
