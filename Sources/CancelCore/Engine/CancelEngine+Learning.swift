import CancelContract

extension CancelEngine {
  /// Takes what an answer tells of the quota, the credential and the API.
  ///
  /// - Parameter hasOldCredential: whether the call may have carried a credential that was replaced meanwhile: its
  ///   answer tells nothing of today's.
  /// - Returns: whether the key's breaker opened.
  mutating func learn(
    from answer: CancelAnswer, _ flight: Flight, hasOldCredential: Bool, at now: Timestamp
  ) -> Bool {
    keys[flight.key.index].inFlight -= 1
    learnOfQuota(from: answer, flight, at: now)
    learnOfOutage(from: answer, flight, at: now)
    return !hasOldCredential && learnOfCredential(from: answer, flight, at: now)
  }

  private mutating func learnOfQuota(from answer: CancelAnswer, _ flight: Flight, at now: Timestamp) {
    let index = flight.key.index
    if answer.kind == .throttled {
      counts.throttled += 1
      keys[index].quota.throttled(flight.slot, rateLimit: answer.rateLimit, at: now)
    } else if answer.neverReachedTheServer {
      keys[index].quota.notSent(flight.slot)
    } else {
      keys[index].quota.answered(flight.slot, rateLimit: answer.rateLimit, at: now)
    }
  }

  private mutating func learnOfOutage(from answer: CancelAnswer, _ flight: Flight, at now: Timestamp) {
    let index = flight.key.index
    switch answer.kind {
    case .throttled:
      keys[index].gate.answeredNeutrally(at: now)
      apiGate.answeredNeutrally(at: now)
    case .accepted, .rejected, .credentialRefused:
      keys[index].gate.succeeded()
      apiGate.succeeded()
    case .transient, .ambiguous:
      // A key that fails by itself, while others don't, says nothing of the API; but a probe is believed.
      let isKnown = keys[index].gate.outSince != nil && !apiGate.isProbing
      keys[index].gate.failed(key: flight.key, at: now, backoff: policy.outageProbeBackoff, random: &random)
      if isKnown {
        apiGate.answeredNeutrally(at: now)
      } else {
        apiGate.failed(key: flight.key, at: now, backoff: policy.outageProbeBackoff, random: &random)
      }
    }
  }

  private mutating func learnOfCredential(from answer: CancelAnswer, _ flight: Flight, at now: Timestamp) -> Bool {
    let index = flight.key.index
    switch answer.kind {
    case .accepted, .rejected:
      keys[index].breaker.worked()
      return false
    case .credentialRefused:
      let opened = keys[index].breaker.refused(
        httpStatus: answer.httpStatus, wasProbe: flight.isProbe, at: now, backoff: policy.credentialProbeBackoff,
        random: &random)
      if opened { counts.breakersOpened += 1 }
      return opened
    case .throttled, .transient, .ambiguous:
      if flight.isProbe {
        keys[index].breaker.probeInconclusive(at: now, backoff: policy.credentialProbeBackoff, random: &random)
      }
      return false
    }
  }
}
