import CancelContract

/// What an engine has to do at one moment.
public struct EngineGauges: Sendable {
  /// Open requests by priority, those in flight among them.
  public var pending: [Priority: Int] = [.routine: 0, .killSwitch: 0]
  /// Orders that wait for a call by the priority of their most urgent request.
  public var waiting: [Priority: Int] = [.routine: 0, .killSwitch: 0]
  /// Orders that wait for their next attempt.
  public var backingOff = 0
  /// Orders that an operator's hold keeps waiting, by the priority of their most urgent request.
  public var held: [Priority: Int] = [.routine: 0, .killSwitch: 0]
  /// When the oldest request without a published result was produced.
  public var oldestProducedAt: Timestamp?
  /// When the oldest open request of each priority was produced; absent where there is none.
  public var oldestOpen: [Priority: Timestamp] = [:]
  /// How long the longest of the open requests has waited for something else than its user key's quota (the API, a refused
  /// credential, a connection, a commit), by priority; zero where none does.
  public var unexplainedWait: [Priority: Duration] = [.routine: .zero, .killSwitch: .zero]
  /// When the answer that has waited longest for its publication came; `nil` where all are published.
  public var unpublishedSince: Timestamp?
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
    case .held: held[order.rank.priority, default: 0] += 1
    case .arriving, .inFlight, .suspended: break
    }
    for request in order.requests {
      let priority = request.received.request.priority
      pending[priority, default: 0] += 1
      oldestOpen[priority] = min(oldestOpen[priority] ?? .distantFuture, request.received.producedAt)
      addAge(produced: request.received.producedAt, received: request.received.receivedAt)
    }
  }

  /// Adds the time that an order has waited for something else than quota.
  mutating func addUnexplained(_ order: OpenOrder, isHeldByQuota: (QuotaKey) -> Bool, at now: Timestamp) {
    let since: Timestamp
    switch order.stage {
    case .waiting(let key):
      guard !isHeldByQuota(key), let received = order.requests.first?.received.receivedAt else { return }
      since = received
    // A call that is under way waits for its answer, whatever the order waited for before.
    case .inFlight: since = order.sends.last?.sentAt ?? now
    case .backingOff: since = order.firstSentAt ?? now
    case .arriving, .suspended, .held: return
    }
    let wait = max(now - since, .zero)
    unexplainedWait[order.rank.priority] = max(unexplainedWait[order.rank.priority] ?? .zero, wait)
  }

  mutating func addUnpublished(_ stages: CancelResult.Stages) {
    unpublishedSince = min(unpublishedSince ?? .distantFuture, stages.answered)
    addAge(produced: stages.produced, received: stages.received)
  }

  mutating func addAge(produced: Timestamp, received: Timestamp) {
    oldestProducedAt = min(oldestProducedAt ?? .distantFuture, produced)
    oldestReceivedAt = min(oldestReceivedAt ?? .distantFuture, received)
  }
}

/// One user key at one moment.
public struct KeyGauges: Sendable {
  /// The key's number.
  public var key: QuotaKey
  /// Calls allowed in a window; `nil` for no limit.
  public var limit: Int?
  /// Slots that are free, the reserve among them; `nil` for no limit.
  public var free: Int?
  /// When its next call can be sent; `nil` for at once, and where only an answer can tell.
  public var nextFreeAt: Timestamp?
  /// Calls of the window that routine requests leave to kill-switches; 0 where there is no limit.
  public var reserved: Int
  /// The priorities that may make no call now because of the quota.
  public var heldPriorities: Set<Priority>
  /// When the next call of each priority that is held can be sent; absent where only an answer can tell.
  public var nextCallAt: [Priority: Timestamp]
  /// Until when a 429 forbids calls.
  public var blockedUntil: Timestamp?
  /// Whether the credential is believed to work.
  public var breaker: CredentialBreaker.State
  /// Since when its calls fail and are held back.
  public var outageSince: Timestamp?
  /// Orders that wait for the key.
  public var waiting: Int
  /// Orders that wait for the key by the priority of their most urgent request.
  public var waitingByPriority: [Priority: Int] = [:]
  /// Orders of the key that an operator holds.
  public var held = 0
  /// When the last of the kill-switches that wait can be expected to be sent; `nil` where none waits.
  public var killSwitchesSentAt: Timestamp?
  /// Orders that wait for their next attempt.
  public var backingOff: Int
  /// Its calls in flight.
  public var inFlight: Int

  /// Since when the credential is refused; `nil` while it works.
  public var refusedSince: Timestamp? {
    switch breaker {
    case .closed: nil
    case .open(let refusal, _), .probing(let refusal): refusal.since
    }
  }
}

extension KeyGauges {
  init(_ key: QuotaKey, _ state: KeyState, at now: Timestamp) {
    var held: Set<Priority> = []
    var nextCallAt: [Priority: Timestamp] = [:]
    for priority in Priority.allCases {
      switch state.quota.nextCall(priority, at: now) {
      case .now: continue
      case .at(let time): nextCallAt[priority] = time
      case .afterAnswer: break
      }
      held.insert(priority)
    }
    self.init(
      key: key,
      limit: state.quota.limit,
      free: state.quota.free(at: now),
      nextFreeAt: state.quota.nextFree(at: now),
      reserved: state.quota.limit.map { min(state.quota.reserved, max(0, $0 - 1)) } ?? 0,
      heldPriorities: held,
      nextCallAt: nextCallAt,
      blockedUntil: state.quota.blocked(at: now),
      breaker: state.breaker.reportedState,
      outageSince: state.gate.outSince,
      waiting: state.waiting,
      backingOff: state.backingOff,
      inFlight: state.inFlight)
  }
}

/// What an engine has done since its start.
public struct EngineCounts: Sendable, Equatable {
  /// Requests taken.
  public var requests = 0
  /// Results by outcome.
  public var results: [CancelOutcome: Int] = [:]
  /// Results without a call of their own.
  public var deduplicated = 0
  /// Calls sent.
  public var calls = 0
  /// Answers of 429.
  public var throttled = 0
  /// Breakers that opened.
  public var breakersOpened = 0
  /// Confirmations by verdict.
  public var confirmations: [ConfirmationEvent.Verdict: Int] = [:]
  /// Answers for orders that are no longer this worker's.
  public var lateAnswers = 0
}

extension CancelEngine {
  /// Counts what is open and what holds it back; O(n) in the open orders and the keys.
  public func gauges(at now: Timestamp) -> EngineGauges {
    var gauges = EngineGauges()
    gauges.apiOutSince = apiGate.outSince
    var waiting: [[Priority: Int]] = Array(repeating: [:], count: keys.count)
    var held = Array(repeating: 0, count: keys.count)
    orders.forEach { order in
      guard partitions[order.ref.partition].phase != .restoring else { return }
      gauges.add(order)
      switch order.stage {
      case .waiting(let key): waiting[key.index][order.rank.priority, default: 0] += 1
      case .held(let key): held[key.index] += 1
      case .arriving, .backingOff, .inFlight, .suspended: break
      }
    }
    for result in results { gauges.addUnpublished(result.stages) }
    for result in committing?.results ?? [] { gauges.addUnpublished(result.stages) }
    gauges.keys.reserveCapacity(keys.count)
    for index in keys.indices {
      var key = KeyGauges(QuotaKey(index: index), keys[index], at: now)
      key.waitingByPriority = waiting[index]
      key.held = held[index]
      if let count = waiting[index][.killSwitch], count > 0 {
        key.killSwitchesSentAt = keys[index].quota.estimate(place: count, priority: .killSwitch, at: now)
      }
      gauges.keys.append(key)
      guard key.waiting > 0 else { continue }
      let at = max(key.nextFreeAt ?? now, keys[index].gate.opensAt(now) ?? .distantFuture)
      if at < .distantFuture { gauges.nextFreeCallAt = min(gauges.nextFreeCallAt ?? .distantFuture, max(at, now)) }
    }
    let heldPriorities = gauges.keys.map(\.heldPriorities)
    orders.forEach { order in
      guard partitions[order.ref.partition].phase != .restoring else { return }
      gauges.addUnexplained(order, isHeldByQuota: { heldPriorities[$0.index].contains(order.rank.priority) }, at: now)
    }
    return gauges
  }
}

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
