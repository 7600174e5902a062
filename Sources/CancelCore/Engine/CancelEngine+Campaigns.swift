import CancelContract

/// One record of the campaigns topic: its partition is the requests', its key the campaign's id.
public struct CampaignUpdate: Sendable {
  /// The partition.
  public var partition: Int32
  /// The campaign's id.
  public var campaignID: String
  /// How the partition's part of it stands; `nil` where it is forgotten.
  public var record: CampaignRecord?
}

extension CancelEngine {
  /// At most so many campaigns are kept for a partition: the one that was done first makes room for another.
  private static let mostCampaigns = 10_000

  /// A request that names a campaign came.
  mutating func join(
    _ echo: RequestEcho, of account: AccountName?, partition: Int32, producedAt: Timestamp, at now: Timestamp
  ) {
    guard let id = echo.details.campaignID else { return }
    let ref = CampaignRef(partition: partition, id: id)
    if campaigns[ref] == nil { makeRoomForCampaign(in: partition) }
    campaigns[ref, default: Campaign()].add(account, producedAt: producedAt)
    noteChange(of: ref, at: now)
  }

  /// What is published of a campaign is no longer what it should be.
  private mutating func noteChange(of ref: CampaignRef, at now: Timestamp) {
    guard let campaign = campaigns[ref], !campaign.isChanged else { return }
    campaigns[ref]?.isChanged = true
    let due = isStopping ? now : max(now, campaign.publishedAt + Campaign.interval)
    campaignTimers.insert(CampaignTimer(at: due, campaign: ref))
  }

  /// The worker stops: what changed of campaigns goes out with its last batches, however short ago they were published.
  mutating func publishChangedCampaigns() {
    for (ref, campaign) in campaigns.sorted(by: { $0.key < $1.key })
    where campaign.isChanged && partitions.owns(ref.partition) && partitions[ref.partition].phase == .active {
      markChanged(.campaign(ref.id), in: ref.partition)
    }
  }

  /// Has records published that are due, and forgets campaigns that were done long ago.
  mutating func advanceCampaigns(at now: Timestamp) {
    while let timer = campaignTimers.first, timer.at <= now {
      campaignTimers.popFirst()
      let ref = timer.campaign
      guard partitions.owns(ref.partition), partitions[ref.partition].phase == .active else { continue }
      if let campaign = campaigns[ref], campaign.isChanged {
        markChanged(.campaign(ref.id), in: ref.partition)
      } else if let tally = partitions[ref.partition].annex.campaigns[ref.id], campaigns[ref]?.waiting ?? 0 == 0,
        (tally.lastAnsweredAt ?? tally.firstProducedAt) + policy.campaignRetention <= now
      {
        forgetCampaign(ref)
      }
    }
  }

  private mutating func forgetCampaign(_ ref: CampaignRef) {
    campaigns[ref] = nil
    partitions[ref.partition].annex.campaigns[ref.id] = nil
    markChanged(.campaign(ref.id), in: ref.partition)
  }

  private mutating func makeRoomForCampaign(in partition: Int32) {
    guard partitions[partition].annex.campaigns.count >= CancelEngine.mostCampaigns else { return }
    let done = partitions[partition].annex.campaigns.filter { id, _ in
      campaigns[CampaignRef(partition: partition, id: id)]?.waiting ?? 0 == 0
    }
    let first = done.min { left, right in
      (left.value.lastAnsweredAt ?? .distantPast, left.key) < (right.value.lastAnsweredAt ?? .distantPast, right.key)
    }
    if let first { forgetCampaign(CampaignRef(partition: partition, id: first.key)) }
  }

  /// Goes on with the campaigns of a partition whose ledger was read: what is open is counted, what is done is kept.
  mutating func resumeCampaigns(of number: Int32, _ open: [OrderSlot], at now: Timestamp) {
    for slot in open {
      let account = accounts.name(of: orders[slot].ref.key.account)
      for request in orders[slot].requests where !request.isRepetition {
        join(request.received.echo, of: account, partition: number, producedAt: request.received.producedAt, at: now)
      }
    }
    for record in partitions[number].annex.sweeps.values.sorted(by: { $0.offset < $1.offset }) {
      let received = record.received
      join(
        received.echo, of: accountName(of: received.request.scope), partition: number,
        producedAt: record.firedDue ?? received.producedAt, at: now)
    }
    for (id, tally) in partitions[number].annex.campaigns.sorted(by: { $0.key < $1.key }) {
      let ref = CampaignRef(partition: number, id: id)
      if campaigns[ref] == nil {
        // Whether its last record was published is not known: it is published once more.
        campaigns[ref] = Campaign()
        noteChange(of: ref, at: now)
      }
      planForgetting(ref, tally)
    }
  }

  mutating func planForgetting(_ ref: CampaignRef, _ tally: CampaignTally) {
    guard let lastAnsweredAt = tally.lastAnsweredAt else { return }
    campaignTimers.insert(CampaignTimer(at: lastAnsweredAt + policy.campaignRetention, campaign: ref))
  }

  /// Puts into a batch what it changes of campaigns: what the ledger keeps of each that it has results of, and the
  /// records that are due.
  ///
  /// - Parameter subjects: the campaigns whose record is due, by partition, among other things.
  mutating func addCampaigns(_ subjects: [Int32: [LedgerSubject]], to batch: inout CommitBatch) {
    var answered: [CampaignRef: [CancelResult]] = [:]
    for result in batch.results {
      guard let ref = result.campaign else { continue }
      answered[ref, default: []].append(result)
    }
    var tallies: [CampaignRef: CampaignTally] = [:]
    for (ref, results) in answered.sorted(by: { $0.key < $1.key }) {
      var tally =
        partitions[ref.partition].annex.campaigns[ref.id]
        ?? CampaignTally(firstProducedAt: results[0].stages.produced)
      for result in results { tally.count(result) }
      tallies[ref] = tally
      batch.ledger.append(
        CommitBatch.LedgerEntry(
          partition: ref.partition, key: LedgerKey.campaign(ref.id).utf8, value: LedgerRecord.campaign(tally).encoded())
      )
    }
    var due = Set(
      tallies.keys.filter {
        isStopping || (campaigns[$0]?.publishedAt ?? .distantPast) + Campaign.interval <= lastAdvance
      })
    for (partition, subjects) in subjects {
      for case .campaign(let id) in subjects { due.insert(CampaignRef(partition: partition, id: id)) }
    }
    for ref in due.sorted() {
      let record = record(of: ref, tallies[ref], answeredByBatch: answered[ref] ?? [])
      batch.campaigns.append(CampaignUpdate(partition: ref.partition, campaignID: ref.id, record: record))
      campaigns[ref]?.isChanged = false
      campaigns[ref]?.publishedAt = lastAdvance
    }
    batch.tallies = tallies
  }

  /// How a partition's part of a campaign stands once the batch with these results is committed; `nil` where it is
  /// forgotten.
  private func record(
    of ref: CampaignRef, _ tally: CampaignTally?, answeredByBatch results: [CancelResult]
  ) -> CampaignRecord? {
    guard var campaign = campaigns[ref] else { return nil }
    for result in results { campaign.remove(result.account) }
    let tally =
      tally ?? partitions[ref.partition].annex.campaigns[ref.id]
      ?? CampaignTally(firstProducedAt: campaign.firstProducedAt)
    var counts = CampaignRecord.Counts()
    counts.outcomes = tally.outcomes
    counts.waiting = campaign.waiting
    var byAccount = tally.accounts.mapValues { outcomes in
      var counts = CampaignRecord.Counts()
      counts.outcomes = outcomes
      return counts
    }
    for (account, waiting) in campaign.unansweredByName {
      guard byAccount[account] != nil || byAccount.count < CampaignRecord.mostAccounts else { continue }
      byAccount[account, default: CampaignRecord.Counts()].waiting = waiting
    }
    let (reason, end) = outlook(of: campaign, at: lastAdvance)
    return CampaignRecord(
      campaignID: ref.id, partition: ref.partition, state: campaign.waiting > 0 ? .running : .done, size: tally.size,
      counts: counts, accounts: byAccount, waitingFor: reason, estimatedEnd: end,
      firstProducedAt: min(tally.firstProducedAt, campaign.firstProducedAt), lastAnsweredAt: tally.lastAnsweredAt,
      updatedAt: lastAdvance)
  }

  /// What holds a campaign's requests back, and when the last of them can be expected to be called for.
  private func outlook(of campaign: Campaign, at now: Timestamp) -> (ProgressEvent.Reason?, Timestamp?) {
    guard campaign.waiting > 0 else { return (nil, nil) }
    var reason: ProgressEvent.Reason?
    var end: Timestamp? = now
    for (account, _) in campaign.unansweredByName {
      if holds.cover(account, .killSwitch) { return (.held, nil) }
      guard let key = accounts.configuredNumber(of: account).flatMap({ accounts.quotaKey(of: $0) }) else {
        continue
      }
      if let cause = closedGate(before: key) {
        return (cause == .breakerHeld ? .breakerHeld : .outage, nil)
      }
      let state = keys[key.index]
      guard state.waiting > 0 else { continue }
      let estimate = state.quota.estimate(place: state.waiting, priority: .killSwitch, at: now)
      if estimate > now { reason = .quota }
      end = end.map { max($0, estimate) }
    }
    return (reason, end)
  }

  /// A batch was committed: what it counted of campaigns counts.
  mutating func committedCampaigns(_ batch: CommitBatch, _ owned: Set<Int32>) {
    for result in batch.results {
      guard let ref = result.campaign, owned.contains(ref.partition) else { continue }
      campaigns[ref]?.remove(result.account)
    }
    let published = Set(batch.campaigns.map { CampaignRef(partition: $0.partition, id: $0.campaignID) })
    for (ref, tally) in batch.tallies.sorted(by: { $0.key < $1.key }) where owned.contains(ref.partition) {
      partitions[ref.partition].annex.campaigns[ref.id] = tally
      planForgetting(ref, tally)
      if !published.contains(ref) { noteChange(of: ref, at: lastAdvance) }
    }
  }

  /// A batch was aborted: its campaigns' records are due again.
  mutating func abortedCampaigns(_ batch: CommitBatch, _ owned: Set<Int32>) {
    for update in batch.campaigns where owned.contains(update.partition) {
      if update.record == nil {
        markChanged(.campaign(update.campaignID), in: update.partition)
      } else {
        noteChange(of: CampaignRef(partition: update.partition, id: update.campaignID), at: lastAdvance)
      }
    }
  }
}

extension CancelResult {
  /// The part of a campaign that counts it; `nil` where its request names none.
  fileprivate var campaign: CampaignRef? {
    echo.details.campaignID.map { CampaignRef(partition: source.partition, id: $0) }
  }
}
