/// A strict reader of JSON (RFC 8259) that takes the text in pieces as they arrive, cut anywhere.
///
/// It keeps one scalar or name at a time, and the kinds of the open brackets; so a text of any length needs a few hundred
/// bytes. A scalar's own form is checked by ``JSONReader``. Other parsers of JSON read a text as a whole, or build a tree.
///
///     var stream = JSONStream()
///     try stream.read(piece) { token in … }
///     try stream.finish { token in … }
public struct JSONStream: Sendable {
  /// A step through the text.
  public enum Token: Hashable, Sendable {
    /// An object or an array begins, of this kind.
    case begin(JSONKind)
    /// The innermost object or array ends.
    case end
    /// A member's name, decoded; empty where it is longer than ``longestToken``.
    case name([UInt8])
    /// A string, number, boolean or null as it is written, quotes included; empty where it is longer than
    /// ``longestToken``.
    case scalar(JSONKind, [UInt8])
  }

  /// The most of a name, string or number that is kept, in bytes. Longer strings are passed over, their characters
  /// unchecked; a longer number is a fault.
  public static let longestToken = 1024

  private enum Expected: String {
    case value = "a value"
    case valueOrEnd = "a value or `]`"
    case nameOrEnd = "a member's name in double quotes or `}`"
    case name = "a member's name in double quotes"
    case colon = "`:`"
    case commaOrEnd = "`,` or the closing bracket"
    case end = "the end of the message"
  }

  private enum Scalar {
    case none
    case string(isName: Bool, isEscaped: Bool)
    /// A number, `true`, `false` or `null`: it ends where something else begins.
    case bare(JSONKind)
  }

  private var expected = Expected.value
  private var scalar = Scalar.none
  private var token: [UInt8] = []
  /// The kinds of the open brackets: whether each is an object.
  private var open: [Bool] = []
  private var offset = 0
  private var line = 1
  private var column = 1

  /// A reader of a text of which nothing has come.
  public init() {}

  /// Reads the next piece of the text.
  ///
  /// - Parameter body: told each token that ends in it.
  public mutating func read(
    _ bytes: some Sequence<UInt8>, _ body: (Token) throws(JSONFault) -> Void
  ) throws(JSONFault) {
    for byte in bytes {
      try read(byte, body)
      offset += 1
      if byte == 0x0A {
        line += 1
        column = 1
      } else if byte & 0xC0 != 0x80 {
        column += 1
      }
    }
  }

  /// The text has come to its end.
  ///
  /// - Throws: ``JSONFault`` where it ended too soon.
  public mutating func finish(_ body: (Token) throws(JSONFault) -> Void) throws(JSONFault) {
    if case .bare(let kind) = scalar { try endBare(kind, body) }
    guard case .none = scalar, expected == .end else { throw fault(found: nil) }
  }

  private mutating func read(_ byte: UInt8, _ body: (Token) throws(JSONFault) -> Void) throws(JSONFault) {
    switch scalar {
    case .string(let isName, let isEscaped):
      if token.count <= Self.longestToken { token.append(byte) }
      if isEscaped {
        scalar = .string(isName: isName, isEscaped: false)
      } else if byte == UInt8(ascii: "\\") {
        scalar = .string(isName: isName, isEscaped: true)
      } else if byte == UInt8(ascii: "\"") {
        try endString(isName: isName, body)
      }
      return
    case .bare(let kind):
      if Self.isBare(byte) {
        guard token.count < Self.longestToken else { throw fault(expected: "a shorter number", found: byte) }
        token.append(byte)
        return
      }
      try endBare(kind, body)
    case .none: break
    }
    switch byte {
    case 0x20, 0x09, 0x0A, 0x0D: return
    case UInt8(ascii: "\""): try beginString(byte)
    case UInt8(ascii: "{"), UInt8(ascii: "["): try openBracket(byte, body)
    case UInt8(ascii: "}"), UInt8(ascii: "]"): try closeBracket(byte, body)
    case UInt8(ascii: ","):
      guard expected == .commaOrEnd, let isObject = open.last else { throw fault(found: byte) }
      expected = isObject ? .name : .value
    case UInt8(ascii: ":"):
      guard expected == .colon else { throw fault(found: byte) }
      expected = .value
    case UInt8(ascii: "t"), UInt8(ascii: "f"): try beginBare(.boolean, byte)
    case UInt8(ascii: "n"): try beginBare(.null, byte)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try beginBare(.number, byte)
    default: throw fault(found: byte)
    }
  }

  private mutating func beginString(_ byte: UInt8) throws(JSONFault) {
    let isName = expected == .name || expected == .nameOrEnd
    guard isName || takesValue else { throw fault(found: byte) }
    scalar = .string(isName: isName, isEscaped: false)
    token = [byte]
  }

  private mutating func endString(isName: Bool, _ body: (Token) throws(JSONFault) -> Void) throws(JSONFault) {
    scalar = .none
    expected = isName ? .colon : afterValue
    guard token.count <= Self.longestToken else { return try body(isName ? .name([]) : .scalar(.string, [])) }
    var reader = JSONReader(token)
    do {
      let string = try reader.readString()
      try body(isName ? .name(reader.utf8(string)) : .scalar(.string, token))
    } catch {
      throw moved(error)
    }
  }

  private mutating func beginBare(_ kind: JSONKind, _ byte: UInt8) throws(JSONFault) {
    guard takesValue else { throw fault(found: byte) }
    scalar = .bare(kind)
    token = [byte]
  }

  private mutating func endBare(
    _ kind: JSONKind, _ body: (Token) throws(JSONFault) -> Void
  ) throws(JSONFault) {
    scalar = .none
    expected = afterValue
    var reader = JSONReader(token)
    do {
      try reader.skipValue()
      try reader.finish()
    } catch {
      throw moved(error)
    }
    try body(.scalar(kind, token))
  }

  private mutating func openBracket(
    _ byte: UInt8, _ body: (Token) throws(JSONFault) -> Void
  ) throws(JSONFault) {
    guard takesValue else { throw fault(found: byte) }
    guard open.count < JSONReader.deepest else {
      throw fault(
        .tooDeep, expected: "at most \(JSONReader.deepest) arrays and objects within each other", found: byte)
    }
    let isObject = byte == UInt8(ascii: "{")
    open.append(isObject)
    expected = isObject ? .nameOrEnd : .valueOrEnd
    try body(.begin(isObject ? .object : .array))
  }

  private mutating func closeBracket(
    _ byte: UInt8, _ body: (Token) throws(JSONFault) -> Void
  ) throws(JSONFault) {
    let isObject = byte == UInt8(ascii: "}")
    let isEmpty = expected == (isObject ? .nameOrEnd : .valueOrEnd)
    guard open.last == isObject, isEmpty || expected == .commaOrEnd else { throw fault(found: byte) }
    open.removeLast()
    expected = afterValue
    try body(.end)
  }

  private var takesValue: Bool { expected == .value || expected == .valueOrEnd }

  private var afterValue: Expected { open.isEmpty ? .end : .commaOrEnd }

  private static func isBare(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
      true
    default: false
    }
  }

  private func fault(_ code: JSONFault.Code = .notJSON, expected: String? = nil, found: UInt8?) -> JSONFault {
    JSONFault(
      code: code, offset: offset, line: line, column: column, expected: expected ?? self.expected.rawValue, found: found
    )
  }

  /// A fault in a scalar, at that scalar's end in the whole text.
  private func moved(_ fault: JSONFault) -> JSONFault {
    JSONFault(
      code: fault.code, offset: offset, line: line, column: column, expected: fault.expected, found: fault.found)
  }
}
