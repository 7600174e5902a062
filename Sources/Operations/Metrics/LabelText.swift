/// How names and labels are written for Prometheus.
enum LabelText {
  /// `a="x",b="y"` in the order of the names; values are escaped and cut to 128 characters.
  static func of(_ dimensions: [(String, String)]) -> String {
    dimensions
      .sorted { $0.0 < $1.0 }
      .map { "\(labelName($0.0))=\"\(escaped(String($0.1.prefix(128))))\"" }
      .joined(separator: ",")
  }

  /// A label's value with `\`, `"` and line feed escaped; other control characters become U+FFFD.
  static func escaped(_ value: String) -> String {
    escaped(value, quotes: true)
  }

  /// A help text: in OpenMetrics `"` is escaped as well.
  static func escaped(_ text: String, quotes: Bool) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": escaped += "\\\\"
      case "\n": escaped += "\\n"
      case "\"" where quotes: escaped += "\\\""
      case _ where scalar.value < 0x20 || scalar.value == 0x7F: escaped += "\u{FFFD}"
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }

  /// Letters, digits, `_` and `:`; anything else becomes `_`.
  static func metricName(_ label: String) -> String {
    fit(label) { $0 == UInt8(ascii: ":") }
  }

  /// Letters, digits and `_`; anything else becomes `_`.
  static func labelName(_ name: String) -> String {
    fit(name) { _ in false }
  }

  private static func fit(_ text: String, alsoAllowed: (UInt8) -> Bool) -> String {
    var bytes: [UInt8] = text.utf8.map { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        byte
      default: alsoAllowed(byte) ? byte : UInt8(ascii: "_")
      }
    }
    if bytes.first.map({ (0x30...0x39).contains($0) }) ?? true { bytes.insert(UInt8(ascii: "_"), at: 0) }
    return String(decoding: bytes, as: UTF8.self)
  }
}
