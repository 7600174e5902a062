import Foundation

/// Foundation's JSON parser, as a second opinion.
///
/// What our reader accepts, Foundation must accept. The known differences:
/// - Foundation refuses numbers beyond the range of a Double (`1e999`), which RFC 8259 allows; ours passes them on.
/// - Foundation accepts a byte order mark, UTF-16 and UTF-32, and nesting up to 512 levels; ours refuses them.
enum FoundationOracle {
  static func accepts(_ utf8: [UInt8]) -> Bool {
    (try? JSONSerialization.jsonObject(with: Data(utf8), options: .fragmentsAllowed)) != nil
  }

  /// Whether the text may hold a number that no Double can.
  static func mayExceedDouble(_ utf8: [UInt8]) -> Bool {
    let hasExponent = utf8.indices.contains { index in
      (utf8[index] | 0x20) == UInt8(ascii: "e") && index > 0 && (0x30...0x39).contains(utf8[index - 1])
    }
    let hasLongDigits = utf8.split { !(0x30...0x39).contains($0) }.contains { $0.count > 300 }
    return hasExponent || hasLongDigits
  }

  /// Says so where our reader accepted what Foundation refuses.
  static func objection(_ utf8: [UInt8]) -> String? {
    accepts(utf8) || mayExceedDouble(utf8) ? nil : "Foundation refuses what was accepted or written"
  }
}
