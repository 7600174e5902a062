import CancelContract

/// How a request is answered without its order being settled.
struct Disposition {
  var outcome: CancelOutcome
  var problem: Problem?
  /// Whether the answer is one call's, shared by every request of the order.
  var isShared = false
}

extension Disposition {
  /// The deadline passed; `order` is `nil` where none was opened.
  static func expired(_ order: OpenOrder?) -> Disposition {
    if let order, order.outcomeUnknown {
      return .unknown(order, "the deadline passed before another call could tell")
    }
    if let order, order.attempts > 0 {
      return Disposition(
        outcome: .failed,
        problem: Problem(
          .attemptsExhausted,
          detail: "\(order.attempts == 1 ? "1 attempt" : "\(order.attempts) attempts") failed until the deadline. "
            + "\(order.lastFaultSentence)Send a new request when the API works again",
          status: order.lastHTTPStatus))
    }
    let reason =
      switch order {
      case nil: "the deadline had passed when the request arrived"
      case let order? where order.throttled: "the key's quota was used up"
      default: "no call could be sent in time"
      }
    return Disposition(
      outcome: .expired,
      problem: Problem(
        .deadlinePassed, detail: "\(reason); the order was not cancelled. Send a new request with a later deadline"))
  }

  /// The credential is refused, and no call is spent.
  static func refused(_ refusal: CredentialBreaker.Refusal, _ account: AccountName, _ order: OpenOrder?) -> Disposition
  {
    if let order, order.outcomeUnknown {
      return .unknown(order, "the API has refused the credential of the account '\(account)' since")
    }
    return Disposition(
      outcome: .failed,
      problem: Problem(
        .credentialRefused,
        detail: "the API refuses the credential of the account '\(account)'; no call was spent on this request. "
          + "Renew the account's key; one request at a time is let through to find out when it works again",
        status: refusal.httpStatus,
        since: refusal.since))
  }

  /// The API refused the credential in its answer to this order's own call.
  static func refused(_ answer: CancelAnswer, _ order: OpenOrder) -> Disposition {
    if order.outcomeUnknown { return .unknown(order, "the API refused the credential of the next one") }
    return Disposition(outcome: .failed, problem: answer.problem, isShared: true)
  }

  /// The API answered this order's own call in a way that neither settles the order nor can change by repeating it.
  static func failed(_ answer: CancelAnswer, _ order: OpenOrder) -> Disposition {
    if order.outcomeUnknown { return .unknown(order, "the API refused to process the next one") }
    return Disposition(outcome: .failed, problem: answer.problem, isShared: true)
  }

  /// The account is no longer configured.
  static func accountRemoved(_ account: AccountName, _ order: OpenOrder) -> Disposition {
    let reason = "the account '\(account)' was taken out of the configuration while the request waited"
    if order.outcomeUnknown { return .unknown(order, reason) }
    return Disposition(
      outcome: .failed,
      problem: Problem(
        .accountRemoved, detail: "\(reason): put it back, or send the request with another account"))
  }

  private static func unknown(_ order: OpenOrder, _ reason: String) -> Disposition {
    Disposition(
      outcome: .failed,
      problem: Problem(
        .outcomeUnknown,
        detail: "a call was sent and its answer never came, and \(reason); the order may or may not be cancelled. "
          + "\(order.lastFaultSentence)Look the order up before relying on either",
        status: order.lastHTTPStatus))
  }
}

extension OpenOrder {
  /// The last fault as a sentence with a blank after it; empty where none is known.
  fileprivate var lastFaultSentence: String {
    guard var fault = lastFault else { return "" }
    while let last = fault.last, last.isWhitespace || last == "." { fault.removeLast() }
    return "Last fault: \(fault). "
  }
}
