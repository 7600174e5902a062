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

/// Writes campaigns' records: CloudEvents 1.0 in binary mode, under the campaign's id as key.
///
/// A record is a state, and the next one takes its place: its `ce_id` names the campaign and the time at which it was
/// written.
public struct CampaignEncoder: Sendable {
  private let headers: EventHeaders
  private let worker: JSONText

  /// An encoder for the records of one worker.
  ///
  /// - Parameters:
  ///   - worker: Who counts.
  ///   - eventSource: The CloudEvents `source`, a URI reference.
  public init(worker: WorkerIdentity, eventSource: String) {
    headers = EventHeaders(type: .campaign, source: eventSource)
    self.worker = worker.json
  }

  /// The record of a campaign's part.
  public func encode(_ record: CampaignRecord) -> OutgoingRecord {
    var writer = JSONWriter(capacity: 512)
    writer.beginObject()
    writer.member("campaignId", record.campaignID)
    writer.member("partition", Int64(record.partition))
    writer.member("state", record.state.rawValue)
    writer.member("campaignSize", record.size.map(Int64.init))
    writer.members(of: record.counts)
    writer.member("waitingFor", record.waitingFor?.rawValue)
    writer.member("estimatedEnd", record.estimatedEnd)
    writer.member("firstProduced", record.firstProducedAt)
    writer.member("lastAnswered", record.lastAnsweredAt)
    writer.member("updated", record.updatedAt)
    writer.name("accounts")
    writer.beginArray()
    for (account, counts) in record.accounts.sorted(by: { $0.key.description < $1.key.description }) {
      writer.beginObject()
      writer.member("account", account.description)
      writer.members(of: counts)
      writer.endObject()
    }
    writer.endArray()
    writer.member("worker", worker)
    writer.endObject()
    return OutgoingRecord(
      key: Array(record.campaignID.utf8),
      value: writer.bytes,
      headers: headers.headers(
        id: Array("\(record.campaignID)/\(record.partition)/\(record.updatedAt.microseconds)".utf8),
        time: record.updatedAt, subject: nil, echoing: []))
  }
}

extension JSONWriter {
  fileprivate mutating func members(of counts: CampaignRecord.Counts) {
    name("outcomes")
    beginObject()
    for outcome in CancelOutcome.allCases {
      guard let count = counts.outcomes[outcome], count > 0 else { continue }
      member(outcome, Int64(count))
    }
    endObject()
    member("waiting", Int64(counts.waiting))
  }

  private mutating func member(_ outcome: CancelOutcome, _ count: Int64) {
    switch outcome {
    case .accepted: member("accepted", count)
    case .rejected: member("rejected", count)
    case .expired: member("expired", count)
    case .failed: member("failed", count)
    case .invalid: member("invalid", count)
    case .acknowledged: member("acknowledged", count)
    }
  }
}

/// Reads campaigns' records.
public struct CampaignDecoder: Sendable {
  /// A decoder.
  public init() {}

  /// Reads the record of a campaign's part.
  ///
  /// - Throws: `UnreadableEvent`, also where the record holds another kind of event.
  public func decode(value: [UInt8]?, headers: [RecordHeader] = []) throws(UnreadableEvent) -> CampaignRecord {
    let reader = try EventReader(.campaign, value: value, headers: headers)
    var record = CampaignRecord(
      campaignID: try reader.required("campaignId", \.string),
      partition: try reader.required("partition") { $0.integer.flatMap(Int32.init(exactly:)) },
      state: try reader.required("state") { $0.string.flatMap(CampaignRecord.State.init(rawValue:)) },
      size: try reader.optional("campaignSize") { $0.integer.flatMap(Int.init(exactly:)) },
      counts: try reader.required("outcomes") { _ in CampaignRecord.Counts(json: reader.root) },
      waitingFor: try reader.optional("waitingFor") { $0.string.flatMap(ProgressEvent.Reason.init(rawValue:)) },
      estimatedEnd: try reader.optional("estimatedEnd", \.timestamp),
      firstProducedAt: try reader.required("firstProduced", \.timestamp),
      lastAnsweredAt: try reader.optional("lastAnswered", \.timestamp),
      updatedAt: try reader.required("updated", \.timestamp))
    let accounts = try reader.required("accounts") { value -> [(AccountName, CampaignRecord.Counts)]? in
      value.elements.flatMap { elements in
        let accounts = elements.compactMap { element -> (AccountName, CampaignRecord.Counts)? in
          guard let name = element["account"]?.string, let counts = CampaignRecord.Counts(json: element) else {
            return nil
          }
          return (AccountName(name), counts)
        }
        return accounts.count == elements.count ? accounts : nil
      }
    }
    for (account, counts) in accounts { record.accounts[account] = counts }
    return record
  }
}

extension CampaignRecord.Counts {
  fileprivate init?(json: JSONValue) {
    self.init()
    guard let outcomes = json["outcomes"], outcomes.kind == .object, let waiting = json["waiting"]?.integer else {
      return nil
    }
    self.waiting = Int(clamping: waiting)
    for outcome in CancelOutcome.allCases {
      guard let count = outcomes[outcome.name] else { continue }
      guard let number = count.integer else { return nil }
      self.outcomes[outcome] = Int(clamping: number)
    }
  }
}
