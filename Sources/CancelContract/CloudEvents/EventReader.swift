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
