/// A strict reader of JSON (RFC 8259) that walks over the bytes once and builds nothing.
///
/// It exists because requests need what general decoders hide: 64-bit integers to the last digit, the exact bytes of a
/// member, members that appear twice, and the place of a fault. Strings must be well-formed Unicode, so a surrogate
/// escape without its partner is a fault. Whether a name may appear twice is for the caller to decide.
///
/// Nesting is bounded and never recursive; every access is bounds-checked.
///
///     var reader = JSONReader(bytes)
///     if try reader.enterObject() {
///       repeat {
///         let name = try reader.readName()
///         try reader.skipValue()
///       } while try reader.continuesObject()
///     }
///     try reader.finish()
public struct JSONReader: Sendable {
  /// The deepest nesting that any reader allows.
  public static let deepest = 64

  /// All bytes, of which `start..<end` are the text.
  public let bytes: [UInt8]
  /// Where the text begins.
  public let start: Int
  /// Where the text ends.
  public let end: Int
  /// How deep arrays and objects may be nested.
  public let maximumDepth: Int
  /// The next byte to read.
  public internal(set) var position: Int
  /// How many arrays and objects are open.
  private var depth = 0

  /// A reader at the beginning of `bytes`.
  ///
  /// - Parameter maximumDepth: How deep arrays and objects may be nested, at most `deepest`.
  public init(_ bytes: [UInt8], maximumDepth: Int = JSONReader.deepest) {
    self.init(bytes, range: 0..<bytes.count, maximumDepth: maximumDepth)
  }

  /// A reader at the beginning of a part of `bytes`; offsets in faults are counted from there.
  public init(_ bytes: [UInt8], range: Range<Int>, maximumDepth: Int = JSONReader.deepest) {
    precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count, "The range must lie within the bytes.")
    precondition((1...Self.deepest).contains(maximumDepth), "The depth must be 1 to \(Self.deepest).")
    self.bytes = bytes
    self.start = range.lowerBound
    self.end = range.upperBound
    self.position = range.lowerBound
    self.maximumDepth = maximumDepth
  }

  /// The kind of the next value, which stays unread.
  public mutating func peekKind() throws(JSONFault) -> JSONKind {
    skipBlanks()
    guard position < end else { throw fault(at: position, expected: "a value") }
    switch bytes[position] {
    case UInt8(ascii: "{"): return .object
    case UInt8(ascii: "["): return .array
    case UInt8(ascii: "\""): return .string
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number
    case UInt8(ascii: "t"), UInt8(ascii: "f"): return .boolean
    case UInt8(ascii: "n"): return .null
    default: throw fault(at: position, expected: "a value")
    }
  }

  /// Enters an object; returns whether it has a member.
  public mutating func enterObject() throws(JSONFault) -> Bool {
    skipBlanks()
    guard next(is: UInt8(ascii: "{")) else { throw fault(at: position, expected: "`{`") }
    try open()
    skipBlanks()
    guard next(is: UInt8(ascii: "}")) else { return true }
    close()
    return false
  }

  /// Reads a member's name and the colon behind it.
  public mutating func readName() throws(JSONFault) -> JSONString {
    skipBlanks()
    guard next(is: UInt8(ascii: "\"")) else { throw fault(at: position, expected: "a member's name in double quotes") }
    let name = try readString()
    skipBlanks()
    guard next(is: UInt8(ascii: ":")) else { throw fault(at: position, expected: "`:`") }
    position += 1
    return name
  }

  /// Goes on to the next member, or closes the object; returns whether there is a next member.
  public mutating func continuesObject() throws(JSONFault) -> Bool {
    try continues(closing: UInt8(ascii: "}"), expected: "`,` or `}`")
  }

  /// Opens an array; returns whether it has an element.
  public mutating func enterArray() throws(JSONFault) -> Bool {
    skipBlanks()
    guard next(is: UInt8(ascii: "[")) else { throw fault(at: position, expected: "`[`") }
    try open()
    skipBlanks()
    guard next(is: UInt8(ascii: "]")) else { return true }
    close()
    return false
  }

  /// Goes on to the next element, or closes the array; returns whether there is a next element.
  public mutating func continuesArray() throws(JSONFault) -> Bool {
    try continues(closing: UInt8(ascii: "]"), expected: "`,` or `]`")
  }

  /// Checks that nothing but blanks is left.
  public mutating func finish() throws(JSONFault) {
    skipBlanks()
    guard position == end else { throw fault(at: position, expected: "the end of the message") }
  }
}

extension JSONReader {
  /// Passes over blanks, tabs and line ends.
  @inline(__always)
  mutating func skipBlanks() {
    if position < end, bytes[position] <= 0x20 { skipSomeBlanks() }
  }

  private mutating func skipSomeBlanks() {
    while position < end {
      switch bytes[position] {
      case 0x20, 0x09, 0x0A, 0x0D: position += 1
      default: return
      }
    }
  }

  /// Whether the next byte is there and is this one.
  @inline(__always)
  func next(is byte: UInt8) -> Bool {
    position < end && bytes[position] == byte
  }

  /// Passes over a bracket that opens.
  private mutating func open() throws(JSONFault) {
    guard depth < maximumDepth else {
      throw fault(.tooDeep, at: position, expected: "at most \(maximumDepth) arrays and objects within each other")
    }
    depth += 1
    position += 1
  }

  /// Passes over a bracket that closes.
  private mutating func close() {
    depth -= 1
    position += 1
  }

  private mutating func continues(closing: UInt8, expected: String) throws(JSONFault) -> Bool {
    skipBlanks()
    if next(is: UInt8(ascii: ",")) {
      position += 1
      return true
    }
    guard next(is: closing) else { throw fault(at: position, expected: expected) }
    close()
    return false
  }
}

extension JSONReader {
  /// Passes over a value of any kind, checking it, and returns its range.
  @discardableResult
  public mutating func skipValue() throws(JSONFault) -> Range<Int> {
    skipBlanks()
    let first = position
    let outer = depth
    // One bit for each open bracket, the innermost lowest: 1 for an object, 0 for an array. 64 levels fit.
    var objects: UInt64 = 0
    repeat {
      while try opensContainer(&objects) {}
    } while try reachesNextValue(outer: outer, &objects)
    return first..<position
  }

  /// Reads `true` or `false`.
  public mutating func readBoolean() throws(JSONFault) -> Bool {
    skipBlanks()
    let isTrue = next(is: UInt8(ascii: "t"))
    try isTrue ? skipLiteral("true") : skipLiteral("false")
    return isTrue
  }

  /// Reads `null`.
  public mutating func readNull() throws(JSONFault) {
    skipBlanks()
    try skipLiteral("null")
  }

  /// Passes over a scalar or an opening bracket; returns whether that bracket has a value in it, which comes next.
  private mutating func opensContainer(_ objects: inout UInt64) throws(JSONFault) -> Bool {
    switch try peekKind() {
    case .string: _ = try readString()
    case .number: _ = try readNumber()
    case .boolean: _ = try readBoolean()
    case .null: try readNull()
    case .object:
      try open()
      objects = objects << 1 | 1
      skipBlanks()
      guard !next(is: UInt8(ascii: "}")) else { return false }
      _ = try readName()
      return true
    case .array:
      try open()
      objects <<= 1
      skipBlanks()
      return !next(is: UInt8(ascii: "]"))
    }
    return false
  }

  /// Closes every bracket that ends here; returns whether another value comes next.
  private mutating func reachesNextValue(outer: Int, _ objects: inout UInt64) throws(JSONFault) -> Bool {
    while depth > outer {
      skipBlanks()
      let isObject = objects & 1 == 1
      if next(is: UInt8(ascii: ",")) {
        position += 1
        if isObject { _ = try readName() }
        return true
      }
      guard next(is: isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else {
        throw fault(at: position, expected: isObject ? "`,` or `}`" : "`,` or `]`")
      }
      close()
      objects >>= 1
    }
    return false
  }

  private mutating func skipLiteral(_ literal: StaticString) throws(JSONFault) {
    let length = literal.utf8CodeUnitCount
    let isThere =
      position + length <= end
      && literal.withUTF8Buffer { expected in
        for (index, byte) in expected.enumerated() where bytes[position + index] != byte { return false }
        return true
      }
    guard isThere else { throw fault(at: position, expected: "a value") }
    position += length
  }
}

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
