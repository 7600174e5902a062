/// Undoes the escapes of JSON and JavaScript (`\u002B`, `\x2b`, `\/`), URLs (`%2B`) and HTML (`&#43;`, `&#x2b;`,
/// `&amp;`), whichever stand in a text.
///
/// It serves a search, not a reader: what no escape could stand for stays as it is, and characters beyond ASCII, which
/// no secret has, become `?`.
enum EscapedText {
  /// Whether the text has a byte with which an escape begins.
  static func mayHaveEscapes(_ text: UnsafeRawBufferPointer) -> Bool {
    var found: UInt8 = 0
    for byte in text {
      found |= byte == UInt8(ascii: "\\") || byte == UInt8(ascii: "%") || byte == UInt8(ascii: "&") ? 1 : 0
    }
    return found != 0
  }

  /// The text with its escapes undone once; `nil` where it has none.
  static func decoded(_ text: UnsafeRawBufferPointer) -> [UInt8]? {
    var result: [UInt8] = []
    var index = 0
    var isChanged = false
    while index < text.count {
      if let (byte, length) = escape(at: index, of: text) {
        if !isChanged {
          isChanged = true
          result.reserveCapacity(text.count)
          result.append(contentsOf: text[..<index])
        }
        result.append(byte)
        index += length
      } else {
        if isChanged { result.append(text[index]) }
        index += 1
      }
    }
    return isChanged ? result : nil
  }

  /// The text with its escapes undone until none is left; `nil` where it has none.
  static func decoded(fully text: [UInt8]) -> [UInt8]? {
    var result: [UInt8]?
    // every round makes the text shorter
    while let next = (result ?? text).withUnsafeBytes(decoded) { result = next }
    return result
  }

  private static func escape(at index: Int, of text: UnsafeRawBufferPointer) -> (byte: UInt8, length: Int)? {
    switch text[index] {
    case UInt8(ascii: "%"):
      return hexadecimal(2, at: index + 1, of: text).map { (ascii($0), 3) }
    case UInt8(ascii: "\\"):
      guard index + 1 < text.count else { return nil }
      switch text[index + 1] {
      case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "\\"), UInt8(ascii: "/"): return (text[index + 1], 2)
      case UInt8(ascii: "b"): return (0x08, 2)
      case UInt8(ascii: "f"): return (0x0C, 2)
      case UInt8(ascii: "n"): return (0x0A, 2)
      case UInt8(ascii: "r"): return (0x0D, 2)
      case UInt8(ascii: "t"): return (0x09, 2)
      case UInt8(ascii: "u"): return hexadecimal(4, at: index + 2, of: text).map { (ascii($0), 6) }
      case UInt8(ascii: "x"): return hexadecimal(2, at: index + 2, of: text).map { (ascii($0), 4) }
      default: return nil
      }
    case UInt8(ascii: "&"):
      return entity(at: index, of: text)
    default:
      return nil
    }
  }

  private static let names: [(name: StaticString, byte: UInt8)] = [
    ("amp;", UInt8(ascii: "&")), ("lt;", UInt8(ascii: "<")), ("gt;", UInt8(ascii: ">")),
    ("quot;", UInt8(ascii: "\"")), ("apos;", UInt8(ascii: "'")), ("plus;", UInt8(ascii: "+")),
    ("sol;", UInt8(ascii: "/")), ("equals;", UInt8(ascii: "=")),
  ]

  private static func entity(at index: Int, of text: UnsafeRawBufferPointer) -> (byte: UInt8, length: Int)? {
    let rest = text[(index + 1)...].prefix(10)
    guard rest.first == UInt8(ascii: "#") else {
      for (name, byte) in names
      where rest.count >= name.utf8CodeUnitCount && name.withUTF8Buffer({ rest.starts(with: $0) }) {
        return (byte, name.utf8CodeUnitCount + 1)
      }
      return nil
    }
    guard let end = rest.firstIndex(of: UInt8(ascii: ";")), end > index + 2 else { return nil }
    let length = end - index + 1
    if text[index + 2] | 0x20 == UInt8(ascii: "x") {
      return hexadecimal(end - index - 3, at: index + 3, of: text).map { (ascii($0), length) }
    }
    var value: UInt32 = 0
    for byte in text[(index + 2)..<end] {
      guard let digit = byte.decimalDigit else { return nil }
      value = value * 10 + UInt32(digit)
    }
    return (ascii(value), length)
  }

  private static func hexadecimal(_ count: Int, at index: Int, of text: UnsafeRawBufferPointer) -> UInt32? {
    guard count > 0, index + count <= text.count else { return nil }
    var value: UInt32 = 0
    for byte in text[index..<(index + count)] {
      guard let digit = byte.hexadecimalDigit else { return nil }
      value = value << 4 | UInt32(digit)
    }
    return value
  }

  private static func ascii(_ value: UInt32) -> UInt8 {
    value < 0x80 ? UInt8(value) : UInt8(ascii: "?")
  }
}
