/// How long the parts of a request may be, in Unicode scalars (as JSON Schema's `maxLength` counts) or bytes.
enum RequestLimits {
  static let cancelID = 256
  static let account = 128
  static let reason = 1024
  static let campaignID = 256
  static let origin = 256
  /// Bytes.
  static let context = 64 * 1024
  /// Bytes of a record's key; a result doesn't repeat a longer one, or it might not fit into a record itself.
  static let key = 64 * 1024

  /// The earliest integer that is read as milliseconds: a smaller one is most likely meant as seconds.
  static let earliestMilliseconds: Int64 = 100_000_000_000
  /// The last millisecond of the year 9999.
  static let latestMilliseconds: Int64 = 253_402_300_799_999

  /// The text, where it is UTF-8 and can serve as `cancelId`.
  static func identifier(_ utf8: [UInt8]) -> String? {
    guard !utf8.isEmpty, utf8.count <= cancelID * 4, let text = String(validating: utf8, as: UTF8.self),
      isWithin(text, 1...cancelID), !hasControlCharacters(text)
    else { return nil }
    return text
  }

  static func isWithin(_ text: String, _ lengths: ClosedRange<Int>) -> Bool {
    let bytes = text.utf8.count
    // A scalar takes one to four bytes; only in between must they be counted.
    if bytes < lengths.lowerBound || bytes > lengths.upperBound * 4 { return false }
    if bytes <= lengths.upperBound, lengths.lowerBound <= 1 { return true }
    return lengths.contains(text.unicodeScalars.count)
  }

  static func hasControlCharacters(_ text: String) -> Bool {
    text.utf8.contains { $0 < 0x20 }
  }
}
