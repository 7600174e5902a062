import CancelContract

/// Random results, progress events and problems.
enum RandomResults {
  static func problem(_ random: inout SplitMix64) -> Problem {
    guard random.oneIn(3) else {
      return Problem(
        random.pick(ProblemType.allCases),
        detail: RandomValues.text(&random, limit: 200),
        status: random.maybe { 100 + $0.below(500) },
        member: random.maybe { RandomValues.text(&$0, limit: 16) },
        since: random.maybe(RandomValues.timestamp)
      )
    }
    return Problem(json: RandomValues.object(&random))
  }

  static func result(_ random: inout SplitMix64) -> CancelResult {
    CancelResult(
      cancelID: RandomValues.text(&random, limit: 256),
      orderID: random.maybe(RandomValues.orderID),
      account: random.maybe(RandomValues.account),
      outcome: random.pick(CancelOutcome.allCases),
      token: random.maybe { RandomValues.text(&$0, limit: 40) },
      problem: random.maybe(problem),
      httpStatus: random.maybe { $0.below(1000) },
      attempts: random.below(100),
      requestIDs: (0..<random.below(4)).map { _ in RandomValues.uuid(&random) },
      deduplicated: random.oneIn(2),
      duplicateOf: random.maybe { RandomValues.text(&$0, limit: 40) },
      campaignID: random.maybe { RandomValues.text(&$0, limit: 40) },
      context: random.maybe { RandomValues.object(&$0) },
      source: RandomValues.source(&random),
      stages: .init(
        decided: random.maybe(RandomValues.timestamp),
        produced: RandomValues.timestamp(&random),
        received: RandomValues.timestamp(&random),
        firstSent: random.maybe(RandomValues.timestamp),
        answered: RandomValues.timestamp(&random)
      ),
      key: RandomValues.key(&random),
      echoedHeaders: RandomValues.echoedHeaders(&random)
    )
  }

  static func progress(_ random: inout SplitMix64) -> ProgressEvent {
    ProgressEvent(
      cancelID: RandomValues.text(&random, limit: 256),
      orderID: RandomValues.orderID(&random),
      account: RandomValues.account(&random),
      reason: random.pick(ProgressEvent.Reason.allCases),
      place: 1 + random.below(1_000_000),
      estimatedAt: random.maybe(RandomValues.timestamp),
      waitingSince: RandomValues.timestamp(&random),
      reportedAt: RandomValues.timestamp(&random),
      sequence: 1 + random.below(100),
      campaignID: random.maybe { RandomValues.text(&$0, limit: 40) },
      context: random.maybe { RandomValues.object(&$0) },
      source: RandomValues.source(&random),
      key: RandomValues.key(&random),
      echoedHeaders: RandomValues.echoedHeaders(&random)
    )
  }
}
