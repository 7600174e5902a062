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
