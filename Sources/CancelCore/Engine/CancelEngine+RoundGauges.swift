import CancelContract

/// A sweep that is under way, at one moment.
public struct SweepGauges: Sendable, Equatable {
  /// The request's own id.
  public var cancelID: String
  /// The campaign that it and its orders belong to.
  public var campaignID: String
  /// The accounts that it sweeps.
  public var accounts: [AccountName]
  /// When it was asked for, or its switch was due.
  public var since: Timestamp
  /// No call is sent after this.
  public var deadline: Timestamp
  /// When the dead-man's switch was due that began it; `nil` for a plain sweep.
  public var firedDue: Timestamp?
  /// How many orders had which end so far.
  public var counts: SweepReport.Counts
  /// Orders that were found and are not answered.
  public var waiting: Int
  /// Accounts whose list failed the last time.
  public var unlisted: Int
  /// When the last of the orders that wait is likely to be called for; `nil` where nobody can tell.
  public var estimatedEnd: Timestamp?
}

/// A dead-man's switch that is armed, at one moment.
public struct SwitchGauges: Sendable, Equatable {
  /// The sender's id of it.
  public var cancelID: String
  /// The accounts that its sweep would take.
  public var accounts: [AccountName]
  /// When the sweep begins.
  public var due: Timestamp

  /// The switch `cancelID`, which sweeps `accounts` at `due`.
  public init(cancelID: String, accounts: [AccountName], due: Timestamp) {
    self.cancelID = cancelID
    self.accounts = accounts
    self.due = due
  }
}

/// A campaign's part in one partition, at one moment.
public struct CampaignGauges: Sendable, Equatable {
  /// The campaign's id.
  public var campaignID: String
  /// The partition.
  public var partition: Int32
  /// Requests without a published result.
  public var waiting: Int
  /// Requests that were answered, by outcome.
  public var outcomes: [CancelOutcome: Int]
  /// How many requests the sender said there are.
  public var size: Int?
}

/// The sweeps, switches, campaigns and confirmations of an engine at one moment.
public struct RoundGauges: Sendable, Equatable {
  /// Sweeps under way, the oldest first.
  public var sweeps: [SweepGauges] = []
  /// Armed switches, the next to fire first.
  public var switches: [SwitchGauges] = []
  /// Campaigns of which something waits, those with the most first; at most `mostCampaigns`.
  public var campaigns: [CampaignGauges] = []
  /// Campaigns of which something waits.
  public var runningCampaigns = 0
  /// Accepted cancels that are still to be confirmed.
  public var unconfirmed = 0
  /// When the oldest of them was accepted.
  public var oldestUnconfirmed: Timestamp?

  /// At most so many campaigns are told apart.
  public static let mostCampaigns = 100

  /// Nothing under way.
  public init() {}
}

extension CancelEngine {
  /// The sweeps, switches, campaigns and confirmations as they are; O(n) in them.
  public func roundGauges(at now: Timestamp) -> RoundGauges {
    var gauges = RoundGauges()
    gauges.sweeps = sweeps.values.sorted { $0.ref < $1.ref }.map { self.gauges(of: $0, at: now) }
    for number in partitions.numbers where partitions[number].phase != .restoring {
      for record in partitions[number].annex.switches.values {
        let swept = sweptAccounts(record.received.request.scope) ?? []
        gauges.switches.append(
          SwitchGauges(
            cancelID: record.received.request.cancelID, accounts: swept.map { accounts.name(of: $0) }, due: record.due))
      }
    }
    gauges.switches.sort { ($0.due, $0.cancelID) < ($1.due, $1.cancelID) }
    let running = campaigns.filter { $0.value.waiting > 0 }
    gauges.runningCampaigns = running.count
    gauges.campaigns = running.sorted { left, right in
      (right.value.waiting, left.key.id) < (left.value.waiting, right.key.id)
    }.prefix(RoundGauges.mostCampaigns).map { ref, campaign in
      let tally = partitions[ref.partition].annex.campaigns[ref.id]
      return CampaignGauges(
        campaignID: ref.id, partition: ref.partition, waiting: campaign.waiting, outcomes: tally?.outcomes ?? [:],
        size: tally?.size)
    }
    gauges.unconfirmed = confirmations.count
    gauges.oldestUnconfirmed = confirmations.values.map(\.record.acceptedAt).min()
    return gauges
  }

  private func gauges(of sweep: Sweep, at now: Timestamp) -> SweepGauges {
    let record = sweep.record
    var end: Timestamp? = now
    for (account, part) in sweep.parts where part.open > 0 {
      guard let key = accounts.quotaKey(of: account), closedGate(before: key) == nil else {
        end = nil
        break
      }
      guard !holds.cover(accounts.name(of: account), record.received.request.priority) else {
        end = nil
        break
      }
      let waiting = max(1, min(keys[key.index].waiting, part.open))
      let estimate = keys[key.index].quota.estimate(
        place: waiting, priority: record.received.request.priority, at: now)
      end = end.map { max($0, estimate) }
    }
    return SweepGauges(
      cancelID: record.received.request.cancelID, campaignID: record.received.request.campaignID,
      accounts: record.accounts, since: record.firedDue ?? record.received.producedAt, deadline: record.deadline,
      firedDue: record.firedDue, counts: sweep.report { accounts.name(of: $0) }.counts, waiting: sweep.open,
      unlisted: sweep.parts.values.count { $0.failures > 0 }, estimatedEnd: end)
  }
}
