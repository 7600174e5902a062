import FoundationEssentials

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
    var text: [UInt8] = []
    text.reserveCapacity(32)
    text.appendRFC3339(time)
    headers.append(RecordHeader(name: HeaderName.time, value: text))
    if let subject {
      var digits: [UInt8] = []
      digits.reserveCapacity(20)
      digits.appendDecimal(subject.value)
      headers.append(RecordHeader(name: HeaderName.subject, value: digits))
    }
    for header in echoed where !Self.isOwn(header.name) { headers.append(header) }
    return headers
  }

  /// Whether the worker sets a header of this name itself.
  static func isOwn(_ name: String) -> Bool {
    HeaderName.own.contains(where: name.isHeaderName)
  }
}

extension UUID {
  /// The UUID's text in lower case, as bytes.
  var lowercaseUTF8: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(36)
    bytes.appendUUID(self)
    return bytes
  }
}
