/// How one partition's part of a campaign stands: the requests and sweeps with the same `campaignId`.
///
/// Each partition of the requests has its own part, in the same partition of the campaigns topic, under the campaign's
/// id as key. A campaign as a whole is the sum of its parts.
public struct CampaignRecord: Hashable, Sendable {
  /// Whether anything of it is open.
  public enum State: String, Sendable, CaseIterable {
    /// Something of this part waits for its result.
    case running
    /// Everything that came to this part is answered; whether all of `size` came, the sum of the parts tells.
    case done
  }

  /// Numbers of requests by what became of them.
  public struct Counts: Hashable, Sendable {
    /// Requests that were answered, by outcome.
    public var outcomes: [CancelOutcome: Int] = [:]
    /// Requests that wait for their result.
    public var waiting = 0

    /// Nothing counted.
    public init() {}

    /// Requests that were answered.
    public var answered: Int { outcomes.values.reduce(0, +) }
  }

  /// The campaign's id.
  public var campaignID: String
  /// The partition of the requests whose part this is.
  public var partition: Int32
  /// Whether anything of it is open.
  public var state: State
  /// How many requests the sender said there are; a sweep counts as one, and so does each order that it finds.
  public var size: Int?
  /// All requests of this partition's part.
  public var counts: Counts
  /// The same by account, for the first `mostAccounts` of them.
  public var accounts: [AccountName: Counts]
  /// What those that wait wait for; `nil` where nothing holds them back but their turn.
  public var waitingFor: ProgressEvent.Reason?
  /// When the last of them is likely to be called for; `nil` where nobody can tell, or nothing waits.
  public var estimatedEnd: Timestamp?
  /// When its first request was produced.
  public var firstProducedAt: Timestamp
  /// When its last result so far was made.
  public var lastAnsweredAt: Timestamp?
  /// When this was written.
  public var updatedAt: Timestamp

  /// At most so many accounts are told apart.
  public static let mostAccounts = 1000

  /// A part with the given members.
  public init(
    campaignID: String,
    partition: Int32,
    state: State,
    size: Int? = nil,
    counts: Counts = Counts(),
    accounts: [AccountName: Counts] = [:],
    waitingFor: ProgressEvent.Reason? = nil,
    estimatedEnd: Timestamp? = nil,
    firstProducedAt: Timestamp,
    lastAnsweredAt: Timestamp? = nil,
    updatedAt: Timestamp
  ) {
    self.campaignID = campaignID
    self.partition = partition
    self.state = state
    self.size = size
    self.counts = counts
    self.accounts = accounts
    self.waitingFor = waitingFor
    self.estimatedEnd = estimatedEnd
    self.firstProducedAt = firstProducedAt
    self.lastAnsweredAt = lastAnsweredAt
    self.updatedAt = updatedAt
  }
}
