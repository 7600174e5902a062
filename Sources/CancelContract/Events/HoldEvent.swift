/// An operator's word that calls are held back, or let go again: a record of the control topic.
///
/// The last record of each account counts, and so does the last one that names no account: an order is called for when
/// neither holds it.
public struct HoldEvent: Hashable, Sendable {
  /// Which requests wait.
  public enum Extent: String, Sendable, CaseIterable {
    /// None: they are let go.
    case none
    /// Routine ones; kill-switches are called for.
    case routine
    /// All of them.
    case all

    /// Whether a request of this priority waits.
    public func covers(_ priority: Priority) -> Bool {
      switch self {
      case .none: false
      case .routine: priority == .routine
      case .all: true
      }
    }
  }

  /// The account whose requests wait; `nil` for every account.
  public var account: AccountName?
  /// Which of them.
  public var extent: Extent
  /// Who decided it; `nil` where that was not told.
  public var actor: String?
  /// Why; `nil` where that was not told.
  public var reason: String?
  /// When it was decided.
  public var at: Timestamp

  /// A decision with the given members.
  public init(account: AccountName?, extent: Extent, actor: String? = nil, reason: String? = nil, at: Timestamp) {
    self.account = account
    self.extent = extent
    self.actor = actor
    self.reason = reason
    self.at = at
  }
}

/// Writes holds as records: CloudEvents 1.0 in binary mode, under `account/<name>` or `every-account` as key.
public struct HoldEncoder: Sendable {
  private let headers: EventHeaders

  /// An encoder of the events of one sender.
  ///
  /// - Parameter eventSource: The CloudEvents `source`, a URI reference.
  public init(eventSource: String) {
    headers = EventHeaders(type: .hold, source: eventSource)
  }

  /// The event's record.
  public func encode(_ event: HoldEvent) -> OutgoingRecord {
    var writer = JSONWriter(capacity: 256)
    writer.beginObject()
    writer.member("account", event.account?.description)
    writer.member("hold", event.extent.rawValue)
    writer.member("actor", event.actor)
    writer.member("reason", event.reason)
    writer.member("at", event.at)
    writer.endObject()
    let key = event.account.map { "account/\($0)" } ?? "every-account"
    return OutgoingRecord(
      key: Array(key.utf8),
      value: writer.bytes,
      headers: headers.headers(
        id: Array("\(key)/\(event.at.microseconds)".utf8), time: event.at, subject: nil, echoing: []))
  }
}

/// Reads holds from records.
public struct HoldDecoder: Sendable {
  /// A decoder.
  public init() {}

  /// Reads the hold in a record.
  ///
  /// - Throws: `UnreadableEvent`, also where the record holds another kind of event.
  public func decode(value: [UInt8]?, headers: [RecordHeader] = []) throws(UnreadableEvent) -> HoldEvent {
    let reader = try EventReader(.hold, value: value, headers: headers)
    return HoldEvent(
      account: try reader.optional("account", \.string).map { AccountName($0) },
      extent: try reader.required("hold") { $0.string.flatMap(HoldEvent.Extent.init(rawValue:)) },
      actor: try reader.optional("actor", \.string),
      reason: try reader.optional("reason", \.string),
      at: try reader.required("at", \.timestamp))
  }
}

/// The holds that are in force, as the control topic tells them.
public struct Holds: Hashable, Sendable {
  /// The hold of every account; `nil` where there is none.
  public private(set) var everywhere: HoldEvent?
  /// The holds of single accounts.
  public private(set) var byAccount: [AccountName: HoldEvent] = [:]

  /// No hold.
  public init() {}

  /// Takes the last word on an account, or on every account.
  public mutating func take(_ event: HoldEvent) {
    let standing = event.extent == .none ? nil : event
    if let account = event.account { byAccount[account] = standing } else { everywhere = standing }
  }

  /// Whether a request of this account and priority waits.
  public func cover(_ account: AccountName, _ priority: Priority) -> Bool {
    if everywhere?.extent.covers(priority) == true { return true }
    return !byAccount.isEmpty && byAccount[account]?.extent.covers(priority) == true
  }

  /// All of them: that of every account first, the others by name.
  public var all: [HoldEvent] {
    (everywhere.map { [$0] } ?? [])
      + byAccount.sorted { $0.key.description < $1.key.description }.map(\.value)
  }

  /// Whether nothing is held.
  public var isEmpty: Bool { everywhere == nil && byAccount.isEmpty }
}
