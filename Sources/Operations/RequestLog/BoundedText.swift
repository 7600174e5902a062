/// A sender's text, fit for a line of a log.
enum BoundedText {
  /// No more than `limit` characters; what could break a line or deceive a reader is written as `\u{…}`.
  static func of(_ text: String, limit: Int = 128) -> String {
    let utf8 = text.utf8
    if utf8.count <= limit && utf8.allSatisfy({ (0x20...0x7E).contains($0) }) { return text }
    var bounded = ""
    var count = 0
    for scalar in text.unicodeScalars {
      guard count < limit else { return bounded + "…" }
      count += 1
      if isPlain(scalar) {
        bounded.unicodeScalars.append(scalar)
      } else {
        bounded += "\\u{\(String(scalar.value, radix: 16))}"
      }
    }
    return bounded
  }

  private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: false
    default: true
    }
  }
}
