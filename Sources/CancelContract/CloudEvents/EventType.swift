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

  /// What the worker sets on its own events; a header to echo must not stand beside it.
  static let own = [contentType, specVersion, id, source, type, time, subject]
}

extension String {
  /// Whether the names are the same but for the case of ASCII letters; `lowercase` must be in lower case.
  func isHeaderName(_ lowercase: String) -> Bool {
    let (left, right) = (utf8, lowercase.utf8)
    guard left.count == right.count else { return false }
    return zip(left, right).allSatisfy { byte, expected in
      byte == expected || ((UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) && byte | 0x20 == expected)
    }
  }
}
