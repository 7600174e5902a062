import Crypto
import FoundationEssentials
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Makes the headers of an event in CloudEvents' binary mode.
struct EventHeaders: Sendable {
  private let constant: [RecordHeader]

  /// - Parameter source: The CloudEvents `source` of every event.
  init(type: EventType, source: String) {
    constant = [
      RecordHeader(HeaderName.contentType, "application/json"),
      RecordHeader(HeaderName.specVersion, "1.0"),
      RecordHeader(HeaderName.type, type.rawValue),
      RecordHeader(HeaderName.source, source),
    ]
  }

  /// The headers of one event; a header to echo that bears a name of ours is left out.
  func headers(id: [UInt8], time: Timestamp, subject: OrderID?, echoing echoed: [RecordHeader]) -> [RecordHeader] {
    var headers: [RecordHeader] = []
    headers.reserveCapacity(constant.count + 3 + echoed.count)
    headers.append(contentsOf: constant)
    headers.append(RecordHeader(name: HeaderName.id, value: id))
    headers.append(RecordHeader(name: HeaderName.time, value: [UInt8](rfc3339: time)))
    if let subject { headers.append(RecordHeader(name: HeaderName.subject, value: [UInt8](decimal: subject.value))) }
    for header in echoed where !Self.isOwn(header.name) { headers.append(header) }
    return headers
  }

  /// Whether the worker sets a header of this name itself.
  static func isOwn(_ name: String) -> Bool {
    switch name.utf8.count {
    case 5: name.isHeaderName(HeaderName.id)
    case 7: name.isHeaderName(HeaderName.type) || name.isHeaderName(HeaderName.time)
    case 9: name.isHeaderName(HeaderName.source)
    case 10: name.isHeaderName(HeaderName.subject)
    case 12: name.isHeaderName(HeaderName.contentType)
    case 14: name.isHeaderName(HeaderName.specVersion)
    default: false
    }
  }
}

/// The kinds of events, by their CloudEvents `type`.
public enum EventType: String, Sendable, CaseIterable {
  /// A request to cancel an order.
  case request = "cancel-worker.request.v1"
  /// The one answer to a request.
  case result = "cancel-worker.result.v1"
  /// Why a request still waits.
  case progress = "cancel-worker.progress.v1"
  /// How a campaign stands.
  case campaign = "cancel-worker.campaign.v1"
  /// What became of an order whose cancel was accepted.
  case confirmation = "cancel-worker.confirmation.v1"
  /// That calls are held back, or let go again.
  case hold = "cancel-worker.hold.v1"
}

/// The names of the headers that the contract gives a meaning to.
enum HeaderName {
  static let contentType = "content-type"
  /// How Spring Cloud Stream spells it, in lower case.
  static let springContentType = "contenttype"
  static let specVersion = "ce_specversion"
  static let id = "ce_id"
  static let source = "ce_source"
  static let type = "ce_type"
  static let time = "ce_time"
  static let subject = "ce_subject"
  static let correlationID = "correlation-id"
  static let traceParent = "traceparent"
  static let traceState = "tracestate"
}

extension String {
  /// Whether the names are the same but for the case of ASCII letters; `lowercase` must be in lower case.
  func isHeaderName(_ lowercase: String) -> Bool {
    guard utf8.count == lowercase.utf8.count else { return false }
    return self == lowercase || isHeaderNameInOtherCase(lowercase)
  }

  private func isHeaderNameInOtherCase(_ lowercase: String) -> Bool {
    var expected = lowercase.utf8.makeIterator()
    for byte in utf8 {
      let isUppercase = byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z")
      guard (isUppercase ? byte | 0x20 : byte) == expected.next() else { return false }
    }
    return true
  }
}

/// The ids of the worker's events: UUIDs of version 5 (RFC 9562, section 5.5), so that an event that is published again
/// has the id that it had before.
///
/// The name is `topic/partition/offset` of the request for its result. Behind it stands `/progress/<number>` for a
/// progress event, `/order/<account>/<orderId>` for the result of an order that a sweep found, `/sweep` for the result of
/// a sweep that a dead-man's switch began, and `/confirmation/<account>/<orderId>` for a confirmation. No topic's name has
/// a slash in it, so that they never meet.
public enum EventIdentity {
  /// The namespace of all ids: `c2f1b989-56aa-4786-90d7-7de213e64324`.
  public static let namespace = UUID(
    uuid: (0xC2, 0xF1, 0xB9, 0x89, 0x56, 0xAA, 0x47, 0x86, 0x90, 0xD7, 0x7D, 0xE2, 0x13, 0xE6, 0x43, 0x24)
  )

  /// The id of the result of the request at `source`.
  public static func result(of source: SourceCoordinates) -> UUID {
    uuid(of: source, sequence: nil)
  }

  /// The id of this result.
  public static func id(of result: CancelResult) -> UUID {
    if let orderID = result.orderID, result.echo.details.sweptBy != nil {
      return uuid(of: result.source, path: "order/\(result.account?.description ?? "")/\(orderID)")
    }
    if case .fired? = result.sweep?.deadMansSwitch { return uuid(of: result.source, path: "sweep") }
    return uuid(of: result.source, sequence: nil)
  }

  /// The id of the confirmation of this account's order, for the request at `source`.
  public static func confirmation(of source: SourceCoordinates, _ orderID: OrderID, _ account: AccountName) -> UUID {
    uuid(of: source, path: "confirmation/\(account)/\(orderID)")
  }

  private static func uuid(of source: SourceCoordinates, path: String) -> UUID {
    let namespace = withUnsafeBytes(of: namespace.uuid) { Array($0) }
    return uuid(fromDigest: Insecure.SHA1.hash(data: namespace + Array("\(source)/\(path)".utf8)))
  }

  /// The id of the progress event with that number of the request at `source`.
  public static func progress(of source: SourceCoordinates, sequence: Int) -> UUID {
    uuid(of: source, sequence: sequence)
  }

  private static func uuid(of source: SourceCoordinates, sequence: Int?) -> UUID {
    var topic = source.topic
    let name = topic.withUTF8 { topic in
      [UInt8](upTo: 16 + topic.count + 2 * 21 + 30) { name in
        withUnsafeBytes(of: namespace.uuid) { $0.withMemoryRebound(to: UInt8.self) { name.append($0) } }
        name.append(topic)
        name.append(UInt8(ascii: "/"))
        name.append(decimal: Int64(source.partition))
        name.append(UInt8(ascii: "/"))
        name.append(decimal: source.offset)
        guard let sequence else { return }
        for byte in "/progress/".utf8 { name.append(byte) }
        name.append(decimal: Int64(sequence))
      }
    }
    return uuid(fromDigest: Insecure.SHA1.hash(data: name))
  }

  private static func uuid(fromDigest digest: Insecure.SHA1Digest) -> UUID {
    var octets: uuid_t = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    withUnsafeMutableBytes(of: &octets) { target in
      digest.withUnsafeBytes { target.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0.prefix(target.count))) }
    }
    octets.6 = octets.6 & 0x0F | 0x50
    octets.8 = octets.8 & 0x3F | 0x80
    return UUID(uuid: octets)
  }
}

/// Random UUIDs (version 4), made many at a time: asking the kernel for each costs a microsecond, and `UUID()` opens
/// `/dev/urandom` anew each time on Linux.
public final class RandomUUIDs: Sendable {
  /// How many are made at a time: the kernel gives 256 bytes at once.
  private static let batch = 16
  private let unused = Mutex<[UUID]>([])

  /// A source of its own.
  public init() {}

  /// The next one.
  public func next() -> UUID {
    unused.withLock { unused in
      if unused.isEmpty {
        withUnsafeTemporaryAllocation(byteCount: 16 * Self.batch, alignment: 8) { bytes in
          guard getentropy(bytes.baseAddress, bytes.count) == 0 else {
            preconditionFailure("the kernel gives random bytes wherever it has getrandom(2)")
          }
          for index in 0..<Self.batch {
            unused.append(UUID(random: UnsafeRawBufferPointer(rebasing: bytes[(16 * index)...].prefix(16))))
          }
        }
      }
      return unused.removeLast()
    }
  }
}

extension UUID {
  /// A random UUID (version 4) from the system's generator. See ``RandomUUIDs`` for many of them.
  public static func random() -> UUID {
    var generator = SystemRandomNumberGenerator()
    return withUnsafeBytes(of: (generator.next(), generator.next())) { UUID(random: $0) }
  }

  /// The one with these 16 random bytes, six bits of which tell the version and the variant.
  fileprivate init(random bytes: UnsafeRawBufferPointer) {
    var octets = bytes.loadUnaligned(as: uuid_t.self)
    octets.6 = octets.6 & 0x0F | 0x40
    octets.8 = octets.8 & 0x3F | 0x80
    self.init(uuid: octets)
  }
}
