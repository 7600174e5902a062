/// The optional members of a request that the worker does not decide by, and that its results repeat.
///
/// This file is where the contract knows them by name: a member that is added here is read from requests and repeated
/// on results. `RequestEncoder` writes it, and the ledger keeps it from its next version on.
public struct RequestDetails: Hashable, Sendable {
  /// Why, in the sender's words.
  public var reason: String?
  /// Who asked.
  public var origin: Origin?
  /// The kill-switch pull or batch that the request is part of.
  public var campaignID: String?
  /// When the sender decided to cancel.
  public var decidedAt: Timestamp?
  /// A JSON object, repeated byte for byte.
  public var context: JSONText?
  /// The trading venue of the order, in the sender's words.
  public var venue: String?
  /// How many requests the campaign has, where the sender knows it.
  public var campaignSize: Int?
  /// Whether the order is looked up after an acceptance although the configuration does not ask for it.
  public var wantsConfirmation = false
  /// The `cancelId` of the sweep that found the order; no sender sets it.
  public var sweptBy: String?

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
    self.reason = reason
    self.origin = origin
    self.campaignID = campaignID
    self.decidedAt = decidedAt
    self.context = context
    self.venue = venue
    self.campaignSize = campaignSize
    self.wantsConfirmation = wantsConfirmation
    self.sweptBy = sweptBy
  }

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
