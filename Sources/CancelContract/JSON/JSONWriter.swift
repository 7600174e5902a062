import FoundationEssentials

/// Writes JSON into bytes, member by member, in the order of the calls.
///
/// The caller keeps brackets in balance; commas are set by the writer.
public struct JSONWriter: ~Copyable {
  private var text: ByteWriter
  private var needsComma = false

  /// An empty writer with room for `capacity` bytes, until it needs more memory.
  public init(capacity: Int = 512) {
    text = ByteWriter(capacity: capacity)
  }

  private init(_ text: consuming ByteWriter) {
    self.text = text
  }

  /// What `write` writes, which most likely is no longer than `capacity` bytes: then it takes no memory but the result's.
  static func bytes(upTo capacity: Int, _ write: (inout JSONWriter) -> Void) -> [UInt8] {
    [UInt8](upTo: capacity) { text in
      var writer = JSONWriter(text)
      write(&writer)
      text = writer.text
    }
  }

  /// What has been written so far.
  public var bytes: [UInt8] { text.bytes }

  /// Opens an object.
  public mutating func beginObject() { begin(UInt8(ascii: "{")) }
  /// Closes an object.
  public mutating func endObject() { end(UInt8(ascii: "}")) }
  /// Opens an array.
  public mutating func beginArray() { begin(UInt8(ascii: "[")) }
  /// Closes an array.
  public mutating func endArray() { end(UInt8(ascii: "]")) }

  /// Writes a member's name, which must need no escapes; its value comes next.
  public mutating func name(_ name: StaticString) {
    text.append(jsonName: name, afterComma: needsComma)
    needsComma = false
  }

  /// Writes a string.
  public mutating func string(_ value: String) {
    separate()
    text.append(jsonString: value)
  }

  /// Writes an integer.
  public mutating func integer(_ value: Int64) {
    separate()
    text.append(decimal: value)
  }

  /// Writes `true` or `false`.
  public mutating func boolean(_ value: Bool) {
    literal(value ? "true" : "false")
  }

  /// Writes `null`.
  public mutating func null() {
    literal("null")
  }

  /// Writes a value that is JSON already.
  public mutating func json(_ value: JSONText) {
    separate()
    text.append(value.utf8)
  }

  /// Writes a point in time as a string (RFC 3339, UTC, with milliseconds or, where they are needed, microseconds).
  public mutating func timestamp(_ timestamp: Timestamp) {
    separate()
    text.append(UInt8(ascii: "\""))
    text.append(rfc3339: timestamp)
    text.append(UInt8(ascii: "\""))
  }

  /// Writes a UUID as a string in lower case.
  public mutating func uuid(_ uuid: UUID) {
    separate()
    text.append(UInt8(ascii: "\""))
    text.append(uuid: uuid)
    text.append(UInt8(ascii: "\""))
  }

  private mutating func literal(_ value: StaticString) {
    separate()
    text.append(value)
  }

  private mutating func begin(_ bracket: UInt8) {
    separate()
    text.append(bracket)
    needsComma = false
  }

  private mutating func end(_ bracket: UInt8) {
    text.append(bracket)
    needsComma = true
  }

  private mutating func separate() {
    if needsComma { text.append(UInt8(ascii: ",")) }
    needsComma = true
  }
}

extension JSONWriter {
  /// Writes a member that is a string or null.
  public mutating func member(_ name: StaticString, _ text: String?) {
    self.name(name)
    if let text { string(text) } else { null() }
  }

  /// Writes a member that is a point in time or null.
  public mutating func member(_ name: StaticString, _ timestamp: Timestamp?) {
    self.name(name)
    if let timestamp { self.timestamp(timestamp) } else { null() }
  }

  /// Writes a member that is an integer or null.
  public mutating func member(_ name: StaticString, _ value: Int64?) {
    self.name(name)
    if let value { integer(value) } else { null() }
  }

  /// Writes a member that is JSON already, or null.
  public mutating func member(_ name: StaticString, _ text: JSONText?) {
    self.name(name)
    if let text { json(text) } else { null() }
  }
}

extension ByteWriter {
  /// Appends a JSON string with its quotes; escapes what must be escaped and nothing else.
  mutating func append(jsonString text: String) {
    var text = text
    text.withUTF8 { utf8 in
      append(UInt8(ascii: "\""))
      var clean = 0
      for index in 0..<utf8.count {
        let byte = utf8[index]
        guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else { continue }
        append(UnsafeBufferPointer(rebasing: utf8[clean..<index]))
        append(escapeOf: byte)
        clean = index + 1
      }
      append(UnsafeBufferPointer(rebasing: utf8[clean...]))
      append(UInt8(ascii: "\""))
    }
  }

  /// Appends the shortest escape of a character: up to 6 bytes.
  mutating func append(escapeOf byte: UInt8) {
    append(UInt8(ascii: "\\"))
    switch byte {
    case 0x08: append(UInt8(ascii: "b"))
    case 0x09: append(UInt8(ascii: "t"))
    case 0x0A: append(UInt8(ascii: "n"))
    case 0x0C: append(UInt8(ascii: "f"))
    case 0x0D: append(UInt8(ascii: "r"))
    case 0x00..<0x20:
      append(UInt8(ascii: "u"))
      append(UInt8(ascii: "0"))
      append(UInt8(ascii: "0"))
      append(hexadecimal: byte)
    default: append(byte)
    }
  }
}
