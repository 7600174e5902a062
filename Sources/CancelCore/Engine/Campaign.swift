import CancelContract

/// A campaign by its id and the partition whose part of it is meant.
struct CampaignRef: Hashable, Comparable, Sendable {
  var partition: Int32
  var id: String

  static func < (left: CampaignRef, right: CampaignRef) -> Bool {
    (left.partition, left.id) < (right.partition, right.id)
  }
}

/// What is known of one partition's part of a campaign beside what is published of it.
struct Campaign: Sendable {
  /// Requests without a committed result, by account.
  private var unanswered: [AccountName?: Int] = [:]
  /// When its record was last published.
  var publishedAt = Timestamp.distantPast
  /// Whether the published record is not what it should be.
  var isChanged = false
  /// When the earliest of its requests was produced, as far as none is answered.
  var firstProducedAt = Timestamp.distantFuture

  /// How often a record is published, at most.
  static let interval = Duration.seconds(1)

  var waiting: Int { unanswered.values.reduce(0, +) }

  /// The accounts of requests without a committed result, by name, each with how many it has; requests that name no one
  /// account are left out.
  var unansweredByName: [(account: AccountName, count: Int)] {
    unanswered.compactMap { entry in entry.key.map { (account: $0, count: entry.value) } }
      .sorted { $0.account.description < $1.account.description }
  }

  mutating func add(_ account: AccountName?, producedAt: Timestamp) {
    unanswered[account, default: 0] += 1
    firstProducedAt = min(firstProducedAt, producedAt)
  }

  mutating func remove(_ account: AccountName?) {
    let left = (unanswered[account] ?? 0) - 1
    unanswered[account] = left > 0 ? left : nil
  }
}

/// A campaign whose record is to be published, or forgotten, at a time.
struct CampaignTimer: Comparable, Sendable {
  var at: Timestamp
  var campaign: CampaignRef

  static func < (left: CampaignTimer, right: CampaignTimer) -> Bool { left.at < right.at }
}

/// What is published of one partition's part of a campaign: only results that are committed count.
struct CampaignTally: Hashable, Sendable {
  /// Results of one account by outcome.
  typealias Outcomes = [CancelOutcome: Int]

  /// How many requests the sender said there are.
  var size: Int?
  var outcomes: Outcomes = [:]
  /// The same by account, for the first `CampaignRecord.mostAccounts` of them.
  var accounts: [AccountName: Outcomes] = [:]
  var firstProducedAt: Timestamp
  var lastAnsweredAt: Timestamp?

  init(firstProducedAt: Timestamp) {
    self.firstProducedAt = firstProducedAt
  }

  var answered: Int { outcomes.values.reduce(0, +) }

  /// Counts a result.
  mutating func count(_ result: CancelResult) {
    outcomes[result.outcome, default: 0] += 1
    if let account = result.account,
      accounts[account] != nil || accounts.count < CampaignRecord.mostAccounts
    {
      accounts[account, default: [:]][result.outcome, default: 0] += 1
    }
    size = result.echo.details.campaignSize ?? size
    firstProducedAt = min(firstProducedAt, result.stages.produced)
    lastAnsweredAt = max(lastAnsweredAt ?? .distantPast, result.stages.answered)
  }
}

extension ByteWriter {
  mutating func campaign(_ tally: CampaignTally) {
    optional(tally.size) { $0.count($1) }
    outcomes(tally.outcomes)
    count(tally.accounts.count)
    for (account, outcomes) in tally.accounts.sorted(by: { $0.key.description < $1.key.description }) {
      string(account.description)
      self.outcomes(outcomes)
    }
    fixed(tally.firstProducedAt.microseconds)
    optional(tally.lastAnsweredAt) { $0.fixed($1.microseconds) }
  }

  private mutating func outcomes(_ outcomes: CampaignTally.Outcomes) {
    count(outcomes.count)
    for (outcome, number) in outcomes.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      append(outcome.rawValue)
      count(number)
    }
  }
}

extension ByteReader {
  mutating func campaign() throws(LedgerError) -> CampaignTally {
    var tally = CampaignTally(firstProducedAt: .distantPast)
    tally.size = try optional { (reader) throws(LedgerError) in try reader.count() }
    tally.outcomes = try outcomes()
    for _ in 0..<(try elementCount()) {
      let account = AccountName(try string())
      tally.accounts[account] = try outcomes()
    }
    tally.firstProducedAt = try timestamp()
    tally.lastAnsweredAt = try optionalTimestamp()
    return tally
  }

  private mutating func outcomes() throws(LedgerError) -> CampaignTally.Outcomes {
    var outcomes: CampaignTally.Outcomes = [:]
    for _ in 0..<(try elementCount()) {
      let outcome = try outcome()
      outcomes[outcome] = try count()
    }
    return outcomes
  }
}
