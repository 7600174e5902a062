import CancelContract

/// The golden events of sweeps, switches, campaigns and confirmations.
extension Golden {
  struct NamedSweep: Sendable {
    var name: String
    var request: SweepRequest
    var format: RequestEncoder.Format
  }

  struct NamedCampaign: Sendable {
    var name: String
    var record: CampaignRecord
  }

  struct NamedConfirmation: Sendable {
    var name: String
    var event: ConfirmationEvent
  }

  static let sweeps = [
    NamedSweep(
      name: "request-sweep", request: SweepRequest(cancelID: "ks-7", scope: .account("desk-a")), format: .plain),
    NamedSweep(
      name: "request-sweep-all",
      request: SweepRequest(
        cancelID: "ks-8", scope: .all(accounts: ["desk-a", "desk-b"], environment: .real), priority: .routine,
        deadline: time(60_000_000), isDryRun: true, details: details),
      format: .cloudEvent(source: "urn:risk-engine:7")),
    NamedSweep(
      name: "request-switch",
      request: SweepRequest(cancelID: "dms-1", scope: .account("desk-a"), start: .after(.seconds(60))), format: .plain),
    NamedSweep(
      name: "request-switch-off", request: SweepRequest(cancelID: "dms-1", scope: .account("desk-a"), start: .off),
      format: .plain),
  ]

  static let sweepResults = [
    NamedResult(name: "result-sweep-accepted", result: result(of: sweepReport(remaining: 0), .accepted)),
    NamedResult(
      name: "result-sweep-expired",
      result: result(
        of: sweepReport(remaining: 2), .expired,
        Problem(.ordersRemain, detail: "the deadline passed before a list of the account came back empty"))),
    NamedResult(
      name: "result-switch-armed", result: result(of: switchReport(.armed(until: time(60_000_000))), .acknowledged)),
    NamedResult(name: "result-swept-order", result: sweptOrder),
  ]

  private static func result(
    of report: SweepReport, _ outcome: CancelOutcome, _ problem: Problem? = nil
  ) -> CancelResult {
    CancelResult(
      echo: sweepEcho, orderID: nil, account: "desk-a", outcome: outcome, problem: problem,
      stages: CancelResult.Stages(produced: time(0), received: time(1_200), answered: time(4_000_000)), sweep: report)
  }

  private static var sweepEcho: RequestEcho {
    RequestEcho(cancelID: "ks-7", source: source, key: key, details: RequestDetails(campaignID: "ks-7"))
  }

  private static func sweepReport(remaining: Int) -> SweepReport {
    var report = SweepReport(scope: .account, accounts: ["desk-a"])
    report.counts.listed = 12
    report.counts.accepted = 9
    report.counts.rejected = 3 - remaining
    report.counts.failed = remaining
    report.counts.remaining = remaining
    report.remainingOrders = (0..<Int64(remaining)).map {
      SweepReport.Order(orderID: order(13_902_598 + $0), account: "desk-a")
    }
    report.notCancellable = NotCancellable(closingOrders: 1, copiedOrders: 2)
    report.lists = 4
    return report
  }

  private static func switchReport(_ state: SweepReport.Switch) -> SweepReport {
    var report = SweepReport(scope: .account, accounts: ["desk-a"])
    report.deadMansSwitch = state
    return report
  }

  private static var sweptOrder: CancelResult {
    var echo = sweepEcho
    echo.cancelID = "ks-7/13902598"
    echo.details.sweptBy = "ks-7"
    return CancelResult(
      echo: echo, orderID: order(13_902_598), account: "desk-a", outcome: .accepted, token: "b0a8",
      httpStatus: 200, attempts: 1, requestIDs: [],
      stages: CancelResult.Stages(
        produced: time(0), received: time(1_200), firstSent: time(90_000), answered: time(140_000)))
  }

  static let campaigns = [
    NamedCampaign(
      name: "campaign-running",
      record: CampaignRecord(
        campaignID: "ks-7", partition: 3, state: .running, size: 12, counts: counts(waiting: 2),
        accounts: ["desk-a": counts(waiting: 2)], waitingFor: .quota, estimatedEnd: time(60_000_000),
        firstProducedAt: time(0), lastAnsweredAt: time(4_000_000), updatedAt: time(4_000_100))),
    NamedCampaign(
      name: "campaign-done",
      record: CampaignRecord(
        campaignID: "ks-7", partition: 3, state: .done, counts: counts(waiting: 0),
        firstProducedAt: time(0), lastAnsweredAt: time(9_000_000), updatedAt: time(9_000_100))),
  ]

  private static func counts(waiting: Int) -> CampaignRecord.Counts {
    var counts = CampaignRecord.Counts()
    counts.outcomes = [.accepted: 9, .rejected: 1]
    counts.waiting = waiting
    return counts
  }

  static let confirmations = [
    NamedConfirmation(
      name: "confirmation-cancelled",
      event: ConfirmationEvent(
        echo: RequestEcho(cancelID: "c-1", source: source, key: key), orderID: order(13_902_598), account: "desk-a",
        verdict: .cancelled, status: OrderStatus(id: 7, name: "Canceled"), lookups: 2, acceptedAt: time(140_000),
        confirmedAt: time(2_140_000))),
    NamedConfirmation(
      name: "confirmation-unknown",
      event: ConfirmationEvent(
        echo: RequestEcho(cancelID: "c-2", source: source), orderID: order(7), account: "default", verdict: .unknown,
        problem: Problem(.apiStatus, detail: "the API answered 404", status: 404), lookups: 5,
        acceptedAt: time(140_000), confirmedAt: time(30_140_000))),
  ]

  struct NamedHold {
    var name: String
    var key: String
    var event: HoldEvent
  }

  static let holds = [
    NamedHold(
      name: "hold-all", key: "every-account",
      event: HoldEvent(account: nil, extent: .all, actor: "ops-2", reason: "wrong accounts file", at: time(0))),
    NamedHold(
      name: "hold-routine", key: "account/desk-a",
      event: HoldEvent(account: "desk-a", extent: .routine, at: time(1))),
    NamedHold(
      name: "hold-none", key: "account/desk-a",
      event: HoldEvent(account: "desk-a", extent: .none, actor: "ops-2", at: time(2))),
  ]
}
