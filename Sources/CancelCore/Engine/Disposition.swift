import CancelContract

/// How a request is answered without its order being settled.
struct Disposition {
  var outcome: CancelOutcome
  var problem: Problem?
  /// Whether the answer is one call's, shared by every request of the order.
  var isShared = false
}

extension Disposition {
  /// The deadline passed while the order waited.
  ///
  /// That the order was not cancelled is said only where no call can have been sent for it since the request was
  /// produced, by this worker or by an earlier one.
  static func expired(_ order: OpenOrder, waitingFor cause: WaitNotice.Reason?) -> Disposition {
    if order.outcomeUnknown { return .unknown(order, "the deadline passed before another call could tell") }
    if order.mayHaveEarlierCall {
      return .unknown(order, "the deadline passed before a call of this worker could tell: \(cause.explanation)")
    }
    guard order.attempts > 0 else { return .deadlinePassed("\(cause.explanation) until the deadline") }
    return Disposition(
      outcome: .failed,
      problem: Problem(
        .attemptsExhausted,
        detail: "\(order.attempts == 1 ? "1 attempt" : "\(order.attempts) attempts") failed until the deadline. "
          + "\(order.lastFaultSentence)Send a new request when the API works again",
        status: order.lastHTTPStatus))
  }

  /// The deadline had passed before the request was received.
  ///
  /// - Parameter mayHaveEarlierCall: whether a call may have been sent for its order since it was produced.
  static func expiredAtArrival(mayHaveEarlierCall: Bool) -> Disposition {
    let reason = "the deadline had passed when the request was received"
    return mayHaveEarlierCall ? .unknown(nil, reason) : .deadlinePassed(reason)
  }

  private static func deadlinePassed(_ reason: String) -> Disposition {
    Disposition(
      outcome: .expired,
      problem: Problem(
        .deadlinePassed, detail: "\(reason); the order was not cancelled. Send a new request with a later deadline"))
  }

  /// The credential is refused, and no call is sent.
  static func refused(_ refusal: CredentialBreaker.Refusal, _ account: AccountName, _ order: OpenOrder?) -> Disposition
  {
    if let order, order.outcomeUnknown {
      return .unknown(order, "the API has refused the credential of the account '\(account)' since")
    }
    let spent =
      order?.mayHaveEarlierCall == true
      ? "no call was sent for this request, an earlier one may have been" : "no call was sent for this request"
    return Disposition(
      outcome: .failed,
      problem: Problem(
        .credentialRefused,
        detail: "the API refuses the credential of the account '\(account)'; \(spent). "
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

  private static func unknown(_ order: OpenOrder?, _ reason: String) -> Disposition {
    let call =
      order?.outcomeUnknown == true
      ? "a call was sent and its answer never came" : "an earlier call may have been sent whose answer is not known"
    return Disposition(
      outcome: .failed,
      problem: Problem(
        .outcomeUnknown,
        detail: "\(call), and \(reason); the order may or may not be cancelled. "
          + "\(order?.lastFaultSentence ?? "")Look the order up before relying on either",
        status: order?.lastHTTPStatus))
  }
}

extension WaitNotice.Reason? {
  /// The cause as the first half of a sentence.
  fileprivate var explanation: String {
    switch self {
    case .quota: "the user key's quota was used up"
    case .outage: "the API was out"
    case .breakerHeld: "the API refused the account's credential"
    case .held: "an operator held the account's cancels"
    case nil: "no call could be sent"
    }
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
