import FoundationEssentials

/// The common part of reading an event: its id, its headers and its members by path.
///
/// Members that are unknown are ignored, and so are CloudEvents attributes; an event without headers is read by its
/// value alone.
struct EventReader {
  let id: String?
  let echoedHeaders: [RecordHeader]
  let root: JSONValue

  init(_ type: EventType, value: [UInt8]?, headers: [RecordHeader]) throws(UnreadableEvent) {
    let header = { (name: String) in
      headers.last { $0.name.isHeaderName(name) }?.value.map { String(decoding: $0, as: UTF8.self) }
    }
    if let found = header(HeaderName.type), found != type.rawValue {
      throw UnreadableEvent(.otherType, "the event is a `\(found)`, not a `\(type.rawValue)`")
    }
    guard let value, !value.isEmpty else { throw UnreadableEvent(.emptyValue, "the record has no value") }
    do {
      root = try JSONValue(value)
    } catch {
      throw UnreadableEvent(.notJSON, "the value is not JSON", cause: error)
    }
    guard root.kind == .object else {
      throw UnreadableEvent(.notJSON, "the value must be an object; it is \(root.kind)")
    }
    id = header(HeaderName.id)
    echoedHeaders = headers.filter { !EventHeaders.isOwn($0.name) }
  }

  /// The value at that path; `nil` where it is missing or null.
  func value(_ path: String) -> JSONValue? {
    var value = root
    for name in path.split(separator: ".") {
      guard let member = value[String(name)], member != .null else { return nil }
      value = member
    }
    return value
  }

  /// What `read` makes of the value at that path; `nil` where it is missing or null.
  func optional<Value>(_ path: String, _ read: (JSONValue) -> Value?) throws(UnreadableEvent) -> Value? {
    guard let value = value(path) else { return nil }
    guard let result = read(value) else {
      throw UnreadableEvent(.memberInvalid, "`\(path)` has a value that it may not have (\(value.kind))")
    }
    return result
  }

  /// What `read` makes of the value at that path, which must be there.
  func required<Value>(_ path: String, _ read: (JSONValue) -> Value?) throws(UnreadableEvent) -> Value {
    guard let result = try optional(path, read) else {
      throw UnreadableEvent(.memberInvalid, "`\(path)` is missing")
    }
    return result
  }

  /// What the event repeats from its request.
  func echo(key: [UInt8]?, details: RequestDetails) throws(UnreadableEvent) -> RequestEcho {
    RequestEcho(
      cancelID: try required("cancelId", \.string),
      source: SourceCoordinates(
        topic: try required("source.topic", \.string),
        partition: try required("source.partition") { $0.integer.flatMap(Int32.init(exactly:)) },
        offset: try required("source.offset", \.integer)
      ),
      key: key,
      echoedHeaders: echoedHeaders,
      details: details
    )
  }

  func worker() throws(UnreadableEvent) -> WorkerIdentity {
    WorkerIdentity(
      instance: try required("worker.instance", \.string),
      version: try required("worker.version", \.string)
    )
  }

  /// The object at the top level, as it was written.
  func object(_ name: String) throws(UnreadableEvent) -> JSONText? {
    guard let value = value(name) else { return nil }
    guard value.kind == .object else {
      throw UnreadableEvent(.memberInvalid, "`\(name)` must be an object; it is \(value.kind)")
    }
    return root.text(of: name)
  }
}

extension JSONValue {
  var timestamp: Timestamp? { string.flatMap(Timestamp.init(rfc3339:)) }
  var orderID: OrderID? { integer.flatMap(OrderID.init) }
  var uuid: UUID? { string.flatMap(UUID.init(uuidString:)) }
  var uuids: [UUID]? {
    let uuids = elements?.compactMap(\.uuid)
    return uuids?.count == elements?.count ? uuids : nil
  }
}

/// Why a record is not the event that its reader expects.
public struct UnreadableEvent: Error, Hashable, Sendable, CustomStringConvertible {
  /// The kind of fault.
  public enum Code: Hashable, Sendable {
    /// The record has no value.
    case emptyValue
    /// `ce_type` names another kind of event.
    case otherType
    /// The value is not JSON; `cause` has the place.
    case notJSON
    /// A member is missing or has a value that it may not have.
    case memberInvalid
  }

  /// The kind of fault.
  public let code: Code
  /// What is wrong.
  public let message: String
  /// The fault in the JSON.
  public let cause: JSONFault?

  init(_ code: Code, _ message: String, cause: JSONFault? = nil) {
    self.code = code
    self.message = message
    self.cause = cause
  }

  /// What is wrong, and the place in the JSON.
  public var description: String { cause.map { "\(message): \($0)" } ?? message }
}

/// A CloudEvent in JSON: where its data is, and what is wrong with the rest.
struct StructuredEvent {
  /// `id`, where it can stand in for `cancelId`.
  var id: String?
  /// The range of the member `data`; `nil` where it is missing or null.
  var data: Range<Int>?
  /// The bytes of the member `data_base64`.
  var decodedData: [UInt8]?
  /// The first thing that is wrong with the attributes.
  var fault: RequestFault?
  private var seen: [Member] = []

  /// Reads the whole event.
  init(from reader: inout JSONReader) throws(JSONFault) {
    guard try reader.peekKind() == .object else {
      fault = RequestFault(.notAnObject, "the CloudEvent must be a JSON object; it is \(try reader.peekKind())")
      try reader.skipValue()
      return
    }
    if try reader.enterObject() {
      repeat {
        let name = try reader.readName()
        guard let member = Member.allCases.first(where: { reader.matches(name, $0.name) }) else {
          try reader.skipValue()
          continue
        }
        if seen.contains(member) {
          note(RequestFault(.duplicateMember, "`\(member.name)` appears twice in the CloudEvent: send it once"))
          try reader.skipValue()
          continue
        }
        seen.append(member)
        try read(member, from: &reader)
      } while try reader.continuesObject()
    }
    for member in Member.required where !seen.contains(member) {
      note(.attributeMissing("\(member.name)", place: "member"))
    }
  }

  private mutating func read(_ member: Member, from reader: inout JSONReader) throws(JSONFault) {
    let kind = try reader.peekKind()
    switch (member, kind) {
    case (.data, .null), (.dataBase64, .null):
      try reader.readNull()
    case (.data, _):
      data = try reader.skipValue()
      if decodedData != nil { note(.bothData) }
    case (.dataBase64, .string):
      decodedData = Self.decodedBase64(reader.utf8(try reader.readString()))
      if decodedData == nil {
        note(
          RequestFault(.envelopeInvalid, "`data_base64` is not base64 (RFC 4648, with padding): send `data` instead"))
      } else if data != nil {
        note(.bothData)
      }
    case (_, .string):
      let text = try reader.readString()
      if text.range.isEmpty { note(.attributeMissing("\(member.name)", place: "member")) }
      if member == .specVersion, !text.range.isEmpty, !reader.matches(text, "1.0") { note(.specVersion("specversion")) }
      if member == .id { id = RequestLimits.identifier(reader.utf8(text)) }
    default:
      try reader.skipValue()
      note(RequestFault(.envelopeInvalid, "`\(member.name)` of the CloudEvent must be a string; it is \(kind)"))
    }
  }

  /// The bytes behind base64 with the standard alphabet and padding (RFC 4648, section 4).
  ///
  /// - Returns: `nil` for any text but the canonical one of the bytes: Foundation ignores bits behind the last byte.
  private static func decodedBase64(_ text: [UInt8]) -> [UInt8]? {
    let text = Data(text)
    guard let bytes = Data(base64Encoded: text), bytes.base64EncodedData() == text else { return nil }
    return Array(bytes)
  }

  private mutating func note(_ fault: RequestFault) {
    if self.fault == nil { self.fault = fault }
  }

  private enum Member: CaseIterable {
    case specVersion, id, source, type, data, dataBase64

    static let required: [Member] = [.specVersion, .id, .source, .type]

    var name: StaticString {
      switch self {
      case .specVersion: "specversion"
      case .id: "id"
      case .source: "source"
      case .type: "type"
      case .data: "data"
      case .dataBase64: "data_base64"
      }
    }
  }
}

extension RequestFault {
  /// Both `data` and `data_base64` are there.
  fileprivate static var bothData: RequestFault {
    RequestFault(.envelopeInvalid, "`data` and `data_base64` exclude each other: send one of them")
  }

  /// A required attribute is missing or empty.
  static func attributeMissing(_ name: String, place: String) -> RequestFault {
    RequestFault(
      .envelopeInvalid,
      "the \(place) `\(name)` is missing or empty: CloudEvents 1.0 requires specversion, id, source and type"
    )
  }

  /// The CloudEvents version is not 1.0.
  static func specVersion(_ name: String) -> RequestFault {
    RequestFault(.envelopeInvalid, "`\(name)` must be \"1.0\"")
  }
}
