import CancelContract

/// A change of what holds calls back: what an operator has to hear of when it begins and when it is over.
public enum EngineChange: Sendable, Equatable {
  /// The API refused the key's credential, which stops its calls.
  case credentialRefused(QuotaKey, httpStatus: Int?, detail: String?)
  /// The refused credential works again, or another one took its place.
  case credentialWorks(QuotaKey, refusedSince: Timestamp)
  /// The key's calls fail while those of others may succeed; they are held back.
  case keyOut(QuotaKey, httpStatus: Int?, detail: String?)
  /// The key's calls succeed again.
  case keyBack(QuotaKey, outSince: Timestamp)
  /// Calls fail across keys; all are held back.
  case apiOut(httpStatus: Int?, detail: String?)
  /// The API answers again.
  case apiBack(outSince: Timestamp)
  /// The API answered 429 although the worker's own count allowed the call: others use the key, or its limit is lower.
  case throttled(QuotaKey, until: Timestamp)
  /// A call of the key was answered otherwise than with 429 again.
  case throttlingOver(QuotaKey)
  /// An operator holds cancels back.
  case held(HoldEvent)
  /// This hold is over.
  case released(HoldEvent)
  /// A sweep of these accounts began; `due` tells when the dead-man's switch was due that began it.
  case sweepBegan(cancelID: String, [AccountName], due: Timestamp?)
  /// A sweep came to its end.
  case sweepEnded(cancelID: String, CancelOutcome, SweepReport.Counts)
}

/// The states whose changes are reported, of one key and of the API as a whole.
struct HoldingState {
  var apiOutSince: Timestamp?
  var keyOutSince: Timestamp?
  var refusedSince: Timestamp?
  var isThrottled: Bool

  /// What is different in `later`, for which `answer` is the reason where there is one.
  func changes(
    to later: HoldingState, _ key: QuotaKey, throttledUntil: Timestamp?, because answer: CancelAnswer?,
    at now: Timestamp
  ) -> [EngineChange] {
    var changes: [EngineChange] = []
    let (status, detail) = (answer?.httpStatus, answer?.problem?.detail ?? answer?.problem?.title)
    switch (apiOutSince, later.apiOutSince) {
    case (nil, .some): changes.append(.apiOut(httpStatus: status, detail: detail))
    case (let since?, nil): changes.append(.apiBack(outSince: since))
    default: break
    }
    switch (keyOutSince, later.keyOutSince) {
    case (nil, .some): changes.append(.keyOut(key, httpStatus: status, detail: detail))
    case (let since?, nil): changes.append(.keyBack(key, outSince: since))
    default: break
    }
    switch (refusedSince, later.refusedSince) {
    case (nil, .some): changes.append(.credentialRefused(key, httpStatus: status, detail: detail))
    case (let since?, nil): changes.append(.credentialWorks(key, refusedSince: since))
    default: break
    }
    switch (isThrottled, later.isThrottled) {
    case (false, true): changes.append(.throttled(key, until: throttledUntil ?? now))
    case (true, false): changes.append(.throttlingOver(key))
    default: break
    }
    return changes
  }
}

extension CancelEngine {
  /// The most changes that are kept for a shell that doesn't take them.
  static let mostChanges = 1000

  /// What changed since this was called last, in order.
  public mutating func takeChanges() -> [EngineChange] {
    guard !changes.isEmpty else { return [] }
    defer { changes.removeAll(keepingCapacity: true) }
    return changes
  }

  /// Keeps a change until the shell takes it.
  mutating func note(_ change: EngineChange) {
    if changes.count < CancelEngine.mostChanges { changes.append(change) }
  }

  /// Does `work`, which concerns `key`, and notes what it changes of the states that hold calls back.
  mutating func noteChanges<Result>(
    of key: QuotaKey, because answer: CancelAnswer?, at now: Timestamp, _ work: (inout CancelEngine) -> Result
  ) -> Result {
    let before = holdingState(of: key)
    let result = work(&self)
    let after = holdingState(of: key)
    let found = before.changes(
      to: after, key, throttledUntil: keys[key.index].quota.blocked(at: now), because: answer, at: now)
    if !found.isEmpty, changes.count < CancelEngine.mostChanges { changes += found }
    return result
  }

  /// Read by place: it is asked for twice with every answer, and a key's state has many parts to copy.
  private func holdingState(of key: QuotaKey) -> HoldingState {
    HoldingState(
      apiOutSince: apiGate.outSince, keyOutSince: keys[key.index].gate.outSince,
      refusedSince: keys[key.index].breaker.confirmedRefusal?.since, isThrottled: keys[key.index].quota.isThrottled)
  }
}
