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
