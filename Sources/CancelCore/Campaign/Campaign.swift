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
