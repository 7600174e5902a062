/// The range of a string in the text: a token that was checked but not yet decoded.
public struct JSONString: Hashable, Sendable {
  /// The bytes between the quotes.
  public let range: Range<Int>
  /// Whether escapes stand among them.
  public let isEscaped: Bool
}

extension JSONReader {
  /// Reads a string.
  public mutating func readString() throws(JSONFault) -> JSONString {
    skipBlanks()
    guard next(is: UInt8(ascii: "\"")) else { throw fault(at: position, expected: "a string") }
    let first = position + 1
    var index = first
    var isEscaped = false
    while index < end {
      let byte = bytes[index]
      if byte == UInt8(ascii: "\"") {
        position = index + 1
        return JSONString(range: first..<index, isEscaped: isEscaped)
      } else if byte == UInt8(ascii: "\\") {
        isEscaped = true
        index = try endOfEscape(at: index)
      } else if byte >= 0x80 {
        guard let length = scalarLength(at: index) else { throw fault(.notUTF8, at: index, expected: "UTF-8") }
        index += length
      } else if byte < 0x20 {
        throw fault(at: index, expected: "an escape such as `\\n` for a control character in a string")
      } else {
        index += 1
      }
    }
    throw fault(at: end, expected: "a closing double quote")
  }

  /// The decoded text of a string of this reader.
  public func text(_ string: JSONString) -> String {
    if string.isEscaped { return String(decoding: unescaped(string), as: UTF8.self) }
    return String(decoding: bytes[string.range], as: UTF8.self)
  }

  /// The decoded bytes of a string of this reader, in UTF-8.
  public func utf8(_ string: JSONString) -> [UInt8] {
    string.isEscaped ? unescaped(string) : Array(bytes[string.range])
  }

  /// Whether a string of this reader, once decoded, is `text`.
  public func matches(_ string: JSONString, _ text: StaticString) -> Bool {
    if string.isEscaped {
      return text.withUTF8Buffer { unescaped(string).elementsEqual($0) }
    }
    guard string.range.count == text.utf8CodeUnitCount else { return false }
    return text.withUTF8Buffer { text in
      text.indices.allSatisfy { bytes[string.range.lowerBound + $0] == text[$0] }
    }
  }

  private func unescaped(_ string: JSONString) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(string.range.count)
    var index = string.range.lowerBound
    while index < string.range.upperBound {
      guard bytes[index] == UInt8(ascii: "\\") else {
        result.append(bytes[index])
        index += 1
        continue
      }
      let letter = bytes[index + 1]
      index += 2
      switch letter {
      case UInt8(ascii: "b"): result.append(0x08)
      case UInt8(ascii: "f"): result.append(0x0C)
      case UInt8(ascii: "n"): result.append(0x0A)
      case UInt8(ascii: "r"): result.append(0x0D)
      case UInt8(ascii: "t"): result.append(0x09)
      case UInt8(ascii: "u"):
        var scalar = hexadecimal(at: index) ?? 0
        index += 4
        if scalar & 0xFC00 == 0xD800 {
          scalar = 0x10000 + (scalar & 0x3FF) << 10 + (hexadecimal(at: index + 2) ?? 0) & 0x3FF
          index += 6
        }
        result.append(contentsOf: String(Unicode.Scalar(scalar) ?? "\u{FFFD}").utf8)
      default: result.append(letter)
      }
    }
    return result
  }

  /// The byte behind the escape at `index`, which is checked.
  private func endOfEscape(at index: Int) throws(JSONFault) -> Int {
    guard index + 1 < end else { throw fault(at: end, expected: "the rest of an escape") }
    switch bytes[index + 1] {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
      UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      return index + 2
    case UInt8(ascii: "u"):
      guard let unit = hexadecimal(at: index + 2) else {
        throw fault(at: index, expected: "`\\u` and four hexadecimal digits")
      }
      guard unit & 0xF800 == 0xD800 else { return index + 6 }
      guard unit & 0xFC00 == 0xD800, index + 7 < end, bytes[index + 6] == UInt8(ascii: "\\"),
        bytes[index + 7] == UInt8(ascii: "u"), let low = hexadecimal(at: index + 8), low & 0xFC00 == 0xDC00
      else { throw fault(at: index, expected: "a surrogate pair in place of half of one") }
      return index + 12
    default:
      throw fault(at: index, expected: "one of the escapes \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u")
    }
  }

  /// The value of the four hexadecimal digits at `index`.
  private func hexadecimal(at index: Int) -> UInt32? {
    guard index + 4 <= end else { return nil }
    var value: UInt32 = 0
    for byte in bytes[index..<index + 4] {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt32(byte - UInt8(ascii: "0"))
      case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt32(byte - UInt8(ascii: "a") + 10)
      case UInt8(ascii: "A")...UInt8(ascii: "F"): value = value << 4 | UInt32(byte - UInt8(ascii: "A") + 10)
      default: return nil
      }
    }
    return value
  }
}

extension JSONReader {
  /// How many bytes the scalar at `index` takes; `nil` where they are not well-formed UTF-8 (Unicode, table 3-7).
  func scalarLength(at index: Int) -> Int? {
    let first = bytes[index]
    switch first {
    case 0x00...0x7F: return 1
    case 0xC2...0xDF: return continues(at: index, count: 1, second: 0x80...0xBF) ? 2 : nil
    case 0xE0: return continues(at: index, count: 2, second: 0xA0...0xBF) ? 3 : nil
    case 0xED: return continues(at: index, count: 2, second: 0x80...0x9F) ? 3 : nil
    case 0xE1...0xEF: return continues(at: index, count: 2, second: 0x80...0xBF) ? 3 : nil
    case 0xF0: return continues(at: index, count: 3, second: 0x90...0xBF) ? 4 : nil
    case 0xF1...0xF3: return continues(at: index, count: 3, second: 0x80...0xBF) ? 4 : nil
    case 0xF4: return continues(at: index, count: 3, second: 0x80...0x8F) ? 4 : nil
    default: return nil
    }
  }

  private func continues(at index: Int, count: Int, second: ClosedRange<UInt8>) -> Bool {
    guard index + count < end, second.contains(bytes[index + 1]) else { return false }
    return bytes[index + 2..<index + 1 + count].allSatisfy { $0 & 0xC0 == 0x80 }
  }
}
