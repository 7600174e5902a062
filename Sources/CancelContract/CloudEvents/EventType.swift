/// The kinds of events, by their CloudEvents `type`.
public enum EventType: String, Sendable, CaseIterable {
  /// A request to cancel an order.
  case request = "cancel-worker.request.v1"
  /// The one answer to a request.
  case result = "cancel-worker.result.v1"
  /// Why a request still waits.
  case progress = "cancel-worker.progress.v1"
}

/// The names of the headers that the contract gives a meaning to.
enum HeaderName {
  static let contentType = "content-type"
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
