/// Why a text is not JSON, and where.
public struct JSONFault: Error, Hashable, Sendable, CustomStringConvertible {
  /// The kind of fault.
  public enum Code: Hashable, Sendable {
    /// The bytes are not UTF-8.
    case notUTF8
    /// The text breaks the grammar of RFC 8259.
    case notJSON
    /// Arrays and objects are nested deeper than allowed.
    case tooDeep
  }

  /// The kind of fault.
  public let code: Code
  /// The byte at which the fault was found, counted from 0; the text's length where it ends too soon.
  public let offset: Int
  /// The line of that byte, counted from 1.
  public let line: Int
  /// The character in that line, counted from 1.
  public let column: Int
  /// What was expected there.
  public let expected: String
  /// The byte at that place; `nil` at the text's end.
  public let found: UInt8?

  /// What was expected, what was found instead, and where.
  public var description: String {
    "expected \(expected), found \(foundDescription) at byte \(offset) (line \(line), column \(column))"
  }

  private var foundDescription: String {
    switch found {
    case nil: "the end"
    case .some(0x60): "a backquote"
    case .some(let byte) where byte > 0x20 && byte < 0x7F: "`\(Character(Unicode.Scalar(byte)))`"
    case .some(let byte): "the byte 0x\(byte < 16 ? "0" : "")\(String(byte, radix: 16, uppercase: true))"
    }
  }
}

extension JSONReader {
  /// A fault at `offset`. Bytes outside of strings that are no UTF-8 are reported as such.
  @inline(never)
  func fault(_ code: JSONFault.Code = .notJSON, at offset: Int, expected: String) -> JSONFault {
    let found = offset < end ? bytes[offset] : nil
    let isNotUTF8 = code == .notJSON && (found ?? 0) >= 0x80 && scalarLength(at: offset) == nil
    let place = place(of: offset)
    return JSONFault(
      code: isNotUTF8 ? .notUTF8 : code,
      offset: offset - start,
      line: place.line,
      column: place.column,
      expected: isNotUTF8 ? "UTF-8" : expected,
      found: found
    )
  }

  /// The line and the character of the byte at `offset` of `bytes`, each counted from 1.
  @inline(never)
  public func place(of offset: Int) -> (line: Int, column: Int) {
    var line = 1
    var column = 1
    for byte in bytes[start..<min(max(offset, start), end)] {
      if byte == 0x0A {
        line += 1
        column = 1
      } else if byte & 0xC0 != 0x80 {
        column += 1
      }
    }
    return (line, column)
  }
}
