/// A whole JSON value, for code where speed does not matter: events, `watch`, tests.
public indirect enum JSONValue: Hashable, Sendable {
  /// `null`.
  case null
  /// `true` or `false`.
  case boolean(Bool)
  /// A number, in its own characters.
  case number(String)
  /// A string, decoded.
  case string(String)
  /// An array.
  case array([JSONValue])
  /// An object's members in their order; the same name may appear more than once.
  case object([Member])

  /// A member of an object.
  public struct Member: Hashable, Sendable {
    /// The name, decoded.
    public let name: String
    /// The value.
    public let value: JSONValue
    /// The value as it was written.
    public let text: JSONText
  }

  /// Reads one JSON value.
  ///
  /// - Throws: `JSONFault`, with the place.
  public init(_ utf8: [UInt8]) throws(JSONFault) {
    var reader = JSONReader(utf8)
    self = try JSONValue(from: &reader)
    try reader.finish()
  }

  // Recursion ends at the reader's depth limit.
  private init(from reader: inout JSONReader) throws(JSONFault) {
    switch try reader.peekKind() {
    case .null:
      try reader.readNull()
      self = .null
    case .boolean: self = .boolean(try reader.readBoolean())
    case .number:
      let number = try reader.readNumber()
      self = .number(String(decoding: reader.bytes[number.range], as: UTF8.self))
    case .string: self = .string(reader.text(try reader.readString()))
    case .array:
      var elements: [JSONValue] = []
      if try reader.enterArray() {
        repeat { elements.append(try JSONValue(from: &reader)) } while try reader.continuesArray()
      }
      self = .array(elements)
    case .object:
      var members: [Member] = []
      if try reader.enterObject() {
        repeat {
          let name = reader.text(try reader.readName())
          reader.skipBlanks()
          let first = reader.position
          let value = try JSONValue(from: &reader)
          let text = JSONText(wellFormed: Array(reader.bytes[first..<reader.position]))
          members.append(Member(name: name, value: value, text: text))
        } while try reader.continuesObject()
      }
      self = .object(members)
    }
  }
}

extension JSONValue {
  /// The first member of that name; `nil` where there is none or this is no object.
  public subscript(_ name: String) -> JSONValue? { member(name)?.value }

  /// The member's text as it was written; `nil` where there is none, it is null, or this is no object.
  public func text(of name: String) -> JSONText? {
    guard let member = member(name), member.value != .null else { return nil }
    return member.text
  }

  /// The kind of the value.
  public var kind: JSONKind {
    switch self {
    case .null: .null
    case .boolean: .boolean
    case .number: .number
    case .string: .string
    case .array: .array
    case .object: .object
    }
  }

  /// The string; `nil` for other kinds.
  public var string: String? {
    if case .string(let text) = self { text } else { nil }
  }

  /// The integer, read exactly from any way to write it; `nil` for other kinds, for fractions, and beyond 64 bits.
  public var integer: Int64? {
    guard case .number(let text) = self else { return nil }
    return Int64(exactlyJSON: text)
  }

  /// The boolean; `nil` for other kinds.
  public var boolean: Bool? {
    if case .boolean(let value) = self { value } else { nil }
  }

  /// The elements; `nil` for other kinds.
  public var elements: [JSONValue]? {
    if case .array(let elements) = self { elements } else { nil }
  }

  /// The members; `nil` for other kinds.
  public var members: [Member]? {
    if case .object(let members) = self { members } else { nil }
  }

  private func member(_ name: String) -> Member? { members?.first { $0.name == name } }
}

/// The kinds of JSON values.
public enum JSONKind: Hashable, Sendable, CustomStringConvertible {
  /// `{…}`.
  case object
  /// `[…]`.
  case array
  /// `"…"`.
  case string
  /// A number.
  case number
  /// `true` or `false`.
  case boolean
  /// `null`.
  case null

  /// The kind with its article.
  public var description: String {
    switch self {
    case .object: "an object"
    case .array: "an array"
    case .string: "a string"
    case .number: "a number"
    case .boolean: "a boolean"
    case .null: "null"
    }
  }
}

/// A JSON value kept as the text it came in, so that it can be repeated byte for byte.
public struct JSONText: Hashable, Sendable, CustomStringConvertible {
  /// Well-formed JSON in UTF-8.
  public let utf8: [UInt8]

  /// A text that is known to be well-formed JSON.
  public init(wellFormed utf8: [UInt8]) {
    self.utf8 = utf8
  }

  /// The text itself.
  public var description: String { String(decoding: utf8, as: UTF8.self) }
}

extension JSONText {
  /// Checks that `utf8` is one JSON value and keeps it without the blanks around it.
  ///
  /// - Throws: `JSONFault`, with the place.
  public init(checking utf8: [UInt8], maximumDepth: Int = JSONReader.deepest) throws(JSONFault) {
    var reader = JSONReader(utf8, maximumDepth: maximumDepth)
    let range = try reader.skipValue()
    try reader.finish()
    self.init(wellFormed: range.count == utf8.count ? utf8 : Array(utf8[range]))
  }
}

/// The range of a number in the text.
public struct JSONNumber: Hashable, Sendable {
  /// The number's characters.
  public let range: Range<Int>
  /// Whether it is written without a fraction and without an exponent.
  public let isInteger: Bool
}

extension JSONReader {
  /// Reads a number.
  public mutating func readNumber() throws(JSONFault) -> JSONNumber {
    skipBlanks()
    let first = position
    var isInteger = true
    if next(is: UInt8(ascii: "-")) { position += 1 }
    if next(is: UInt8(ascii: "0")) {
      position += 1
      if position < end, isDigit(bytes[position]) {
        throw fault(at: position, expected: "a number without leading zeros")
      }
    } else {
      try skipDigits()
    }
    if next(is: UInt8(ascii: ".")) {
      isInteger = false
      position += 1
      try skipDigits()
    }
    if next(is: UInt8(ascii: "e")) || next(is: UInt8(ascii: "E")) {
      isInteger = false
      position += 1
      if next(is: UInt8(ascii: "+")) || next(is: UInt8(ascii: "-")) { position += 1 }
      try skipDigits()
    }
    return JSONNumber(range: first..<position, isInteger: isInteger)
  }

  /// The exact value of a number of this reader; `nil` where it is no integer or exceeds 64 bits.
  ///
  /// Integers are what JSON Schema counts as such: `13902598.0` and `1.39e7` are, `1.5` is not.
  public func int64(_ number: JSONNumber) -> Int64? {
    number.isInteger ? Int64(json: bytes[number.range]) : DecimalNumber(bytes[number.range]).int64
  }

  /// Whether a number of this reader is no integer.
  public func hasFraction(_ number: JSONNumber) -> Bool {
    !number.isInteger && DecimalNumber(bytes[number.range]).hasFraction
  }

  private mutating func skipDigits() throws(JSONFault) {
    guard position < end, isDigit(bytes[position]) else { throw fault(at: position, expected: "a digit") }
    repeat { position += 1 } while position < end && isDigit(bytes[position])
  }

  private func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }
}

extension Int64 {
  /// The number with these decimal digits; `nil` where one is no digit, there is none, or 64 bits don't suffice.
  init?(digits: ArraySlice<UInt8>, isNegative: Bool = false) {
    guard !digits.isEmpty else { return nil }
    var value: Int64 = 0
    for byte in digits {
      let digit = Int64(byte) - 0x30
      guard digit >= 0, digit <= 9 else { return nil }
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = product.addingReportingOverflow(isNegative ? -digit : digit)
      guard !overflow, !carry else { return nil }
      value = sum
    }
    self = value
  }
}

extension Int64 {
  /// The exact value of a number in JSON; `nil` where it is no integer or exceeds 64 bits.
  init?(exactlyJSON text: String) {
    guard let value = DecimalNumber(Array(text.utf8)[...]).int64 else { return nil }
    self = value
  }

  /// The value of a JSON number that is written without fraction and exponent.
  fileprivate init?(json utf8: ArraySlice<UInt8>) {
    let isNegative = utf8.first == UInt8(ascii: "-")
    self.init(digits: utf8.dropFirst(isNegative ? 1 : 0), isNegative: isNegative)
  }
}

/// A number of JSON as `digits × 10^scale`, without rounding.
private struct DecimalNumber {
  private var isNegative = false
  /// Decimal digits, of which neither the first nor the last is zero; none where the number is zero.
  private var digits: [UInt8] = []
  private var scale = 0

  /// - Parameter utf8: A well-formed number of JSON.
  init(_ utf8: ArraySlice<UInt8>) {
    var exponent = 0
    var rest = utf8
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "-"): isNegative = true
      case UInt8(ascii: "."):
        let fraction = rest.prefix { (0x30...0x39) ~= $0 }
        digits += fraction
        scale -= fraction.count
        rest = rest.dropFirst(fraction.count)
      case UInt8(ascii: "e"), UInt8(ascii: "E"):
        exponent = Self.exponent(rest)
        rest = []
      default: digits.append(byte)
      }
    }
    digits = Array(digits.drop { $0 == 0x30 })
    while digits.last == 0x30 {
      digits.removeLast()
      scale += 1
    }
    scale += exponent
  }

  var hasFraction: Bool { !digits.isEmpty && scale < 0 }

  var int64: Int64? {
    if digits.isEmpty { return 0 }
    // A 64-bit integer has at most 19 digits.
    guard scale >= 0, digits.count + scale <= 19 else { return nil }
    return Int64(digits: (digits + Array(repeating: 0x30, count: scale))[...], isNegative: isNegative)
  }

  /// The exponent, or one of the same sign that is large enough to decide.
  private static func exponent(_ utf8: ArraySlice<UInt8>) -> Int {
    let isNegative = utf8.first == UInt8(ascii: "-")
    let digits = utf8.drop { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "+") }.drop { $0 == 0x30 }
    let magnitude = digits.isEmpty ? 0 : Int64(digits: digits).map { min($0, 1 << 40) } ?? 1 << 40
    return Int(isNegative ? -magnitude : magnitude)
  }
}
