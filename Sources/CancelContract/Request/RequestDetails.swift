/// The optional members of a request that the worker does not decide by, and that its results repeat.
///
/// This file is where the contract knows them by name: a member that is added here is read from requests and repeated
/// on results. `RequestEncoder` writes it, and the ledger keeps it from its next version on.
///
/// They stand behind one reference, for a request and its result are copied at every step of their way, and most have
/// none of them.
public struct RequestDetails: Hashable, Sendable, CustomReflectable {
  private struct Members: Hashable {
    var reason: String?
    var origin: Origin?
    var campaignID: String?
    var decidedAt: Timestamp?
    var context: JSONText?
    var venue: String?
    var campaignSize: Int?
    var wantsConfirmation = false
    var sweptBy: String?
  }

  /// `nil` where no member is there.
  private var members: Shared<Members>?

  /// Why, in the sender's words.
  public var reason: String? {
    get { members?.value.reason }
    set { change { $0.reason = newValue } }
  }
  /// Who asked.
  public var origin: Origin? {
    get { members?.value.origin }
    set { change { $0.origin = newValue } }
  }
  /// The kill-switch pull or batch that the request is part of.
  public var campaignID: String? {
    get { members?.value.campaignID }
    set { change { $0.campaignID = newValue } }
  }
  /// When the sender decided to cancel.
  public var decidedAt: Timestamp? {
    get { members?.value.decidedAt }
    set { change { $0.decidedAt = newValue } }
  }
  /// A JSON object, repeated byte for byte.
  public var context: JSONText? {
    get { members?.value.context }
    set { change { $0.context = newValue } }
  }
  /// The trading venue of the order, in the sender's words.
  public var venue: String? {
    get { members?.value.venue }
    set { change { $0.venue = newValue } }
  }
  /// How many requests the campaign has, where the sender knows it.
  public var campaignSize: Int? {
    get { members?.value.campaignSize }
    set { change { $0.campaignSize = newValue } }
  }
  /// Whether the order is looked up after an acceptance although the configuration does not ask for it.
  public var wantsConfirmation: Bool {
    get { members?.value.wantsConfirmation ?? false }
    set { change { $0.wantsConfirmation = newValue } }
  }
  /// The `cancelId` of the sweep that found the order; no sender sets it.
  public var sweptBy: String? {
    get { members?.value.sweptBy }
    set { change { $0.sweptBy = newValue } }
  }

  private mutating func change(_ change: (inout Members) -> Void) {
    var members = self.members?.value ?? Members()
    change(&members)
    self.members = members == Members() ? nil : Shared(members)
  }

  /// Details with the given members.
  public init(
    reason: String? = nil,
    origin: Origin? = nil,
    campaignID: String? = nil,
    decidedAt: Timestamp? = nil,
    context: JSONText? = nil,
    venue: String? = nil,
    campaignSize: Int? = nil,
    wantsConfirmation: Bool = false,
    sweptBy: String? = nil
  ) {
    change {
      $0.reason = reason
      $0.origin = origin
      $0.campaignID = campaignID
      $0.decidedAt = decidedAt
      $0.context = context
      $0.venue = venue
      $0.campaignSize = campaignSize
      $0.wantsConfirmation = wantsConfirmation
      $0.sweptBy = sweptBy
    }
  }

  /// No member is there.
  public init() {}

  /// The members by their names, as a debugger and the tests see them.
  public var customMirror: Mirror { Mirror(reflecting: members?.value ?? Members()) }

  /// Who or what asked for a cancel.
  public struct Origin: Hashable, Sendable {
    /// The sending system.
    public var system: String?
    /// The person or service account.
    public var actor: String?
    /// The algorithm that decided.
    public var algorithm: String?
    /// The trading desk.
    public var desk: String?

    /// An origin with the given members.
    public init(system: String? = nil, actor: String? = nil, algorithm: String? = nil, desk: String? = nil) {
      self.system = system
      self.actor = actor
      self.algorithm = algorithm
      self.desk = desk
    }
  }
}

extension RequestDetails {
  /// How the members are read from a request.
  static let requestMembers: [RequestMember] = [
    .text("reason", 0...RequestLimits.reason) { $0.details.reason = $1 },
    .origin("origin") { $0.details.origin = $1 },
    .identifier("campaignId", 0...RequestLimits.campaignID) { $0.details.campaignID = $1 },
    .timestamp("decidedAt") { $0.details.decidedAt = $1 },
    .object("context", maximumBytes: RequestLimits.context) { $0.details.context = $1 },
    .text("venue", 0...RequestLimits.reason) { $0.details.venue = $1 },
    .integer("campaignSize", 1...RequestLimits.campaignSize) { $0.details.campaignSize = Int($1) },
    .flag("confirm") { $0.details.wantsConfirmation = $1 },
  ]

  /// Reads what a result repeats.
  init(fromResult reader: EventReader) throws(UnreadableEvent) {
    decidedAt = try reader.optional("timestamps.decided", \.timestamp)
    campaignID = try reader.optional("campaignId", \.string)
    context = try reader.object("context")
    venue = try reader.optional("venue", \.string)
    reason = try reader.optional("reason", \.string)
    campaignSize = try reader.optional("campaignSize") { $0.integer.flatMap(Int.init(exactly:)) }
    wantsConfirmation = try reader.optional("confirm", \.boolean) ?? false
    sweptBy = try reader.optional("sweptBy", \.string)
    origin = try reader.object("origin").map { (_) throws(UnreadableEvent) in
      Origin(
        system: try reader.optional("origin.system", \.string),
        actor: try reader.optional("origin.actor", \.string),
        algorithm: try reader.optional("origin.algorithm", \.string),
        desk: try reader.optional("origin.desk", \.string)
      )
    }
  }
}

extension JSONWriter {
  /// Writes the members that a result repeats, but for `decidedAt`, which is among the result's times.
  ///
  /// `campaignId` and `context` are always there, null where the request has none; the others only where it has them.
  mutating func resultMembers(of details: RequestDetails) {
    member("campaignId", details.campaignID)
    member("context", details.context)
    if let reason = details.reason { member("reason", reason) }
    if let origin = details.origin { member("origin", origin) }
    if let venue = details.venue { member("venue", venue) }
    if let campaignSize = details.campaignSize { member("campaignSize", Int64(campaignSize)) }
    if details.wantsConfirmation {
      name("confirm")
      boolean(true)
    }
    if let sweptBy = details.sweptBy { member("sweptBy", sweptBy) }
  }

  /// Writes a member that tells who asked.
  mutating func member(_ name: StaticString, _ origin: RequestDetails.Origin) {
    self.name(name)
    beginObject()
    if let system = origin.system { member("system", system) }
    if let actor = origin.actor { member("actor", actor) }
    if let algorithm = origin.algorithm { member("algorithm", algorithm) }
    if let desk = origin.desk { member("desk", desk) }
    endObject()
  }
}
