import CancelContract
import FoundationEssentials

/// Reads what `ByteWriter` wrote; whatever the bytes, it ends in a value or a `LedgerError`.
struct ByteReader {
  /// The layout of the record.
  let version: LedgerVersion
  private let bytes: [UInt8]
  private(set) var position: Int

  init(_ bytes: [UInt8], from position: Int, version: LedgerVersion) {
    self.bytes = bytes
    self.position = position
    self.version = version
  }

  var isAtEnd: Bool { position == bytes.count }

  mutating func byte() throws(LedgerError) -> UInt8 {
    guard position < bytes.count else { throw .truncated(at: position) }
    defer { position += 1 }
    return bytes[position]
  }

  mutating func bool() throws(LedgerError) -> Bool {
    switch try byte() {
    case 0: return false
    case 1: return true
    default: throw .malformed("a truth value is neither 0 nor 1", at: position - 1)
    }
  }

  mutating func fixed() throws(LedgerError) -> Int64 {
    let start = position
    try skip(8)
    return bytes.withUnsafeBytes { Int64(littleEndian: $0.loadUnaligned(fromByteOffset: start, as: Int64.self)) }
  }

  mutating func count() throws(LedgerError) -> Int {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 63, by: 7) {
      let next = try byte()
      value |= UInt64(next & 0x7F) << shift
      if next < 0x80 { return Int(value) }
    }
    throw .malformed("a count is longer than nine bytes", at: position)
  }

  /// A count of things that take at least one byte each, so that a hostile one can't reserve memory.
  mutating func elementCount() throws(LedgerError) -> Int {
    let value = try count()
    guard value <= bytes.count - position else { throw .truncated(at: position) }
    return value
  }

  mutating func blob() throws(LedgerError) -> [UInt8] {
    Array(try blobBytes())
  }

  mutating func string() throws(LedgerError) -> String {
    let start = position
    guard let text = String(validating: try blobBytes(), as: UTF8.self) else {
      throw .malformed("a text is not UTF-8", at: start)
    }
    return text
  }

  mutating func uuid() throws(LedgerError) -> UUID {
    let start = position
    try skip(16)
    return bytes.withUnsafeBytes { UUID(uuid: $0.loadUnaligned(fromByteOffset: start, as: uuid_t.self)) }
  }

  mutating func identifier() throws(LedgerError) -> String? {
    switch try byte() {
    case 0: return nil
    case 1: return try string()
    case 2: return try uuid().lowercasedText
    default: throw .malformed("an identifier's form is unknown", at: position - 1)
    }
  }

  mutating func optional<Value>(
    _ read: (inout ByteReader) throws(LedgerError) -> Value
  ) throws(LedgerError) -> Value? {
    try bool() ? try read(&self) : nil
  }

  /// Passes over what `identifier` reads.
  mutating func skipIdentifier() throws(LedgerError) {
    switch try byte() {
    case 0: break
    case 1: try skipString()
    case 2: try skip(16)
    default: throw .malformed("an identifier's form is unknown", at: position - 1)
    }
  }

  /// Passes over what `string` reads.
  mutating func skipString() throws(LedgerError) {
    let start = position
    let text = try blobBytes()
    guard text.allSatisfy({ $0 < 0x80 }) || String(validating: text, as: UTF8.self) != nil else {
      throw .malformed("a text is not UTF-8", at: start)
    }
  }

  /// Passes over what `blob` reads.
  mutating func skipBlob() throws(LedgerError) {
    _ = try blobBytes()
  }

  mutating func skip(_ length: Int) throws(LedgerError) {
    guard bytes.count - position >= length else { throw .truncated(at: position) }
    position += length
  }

  private mutating func blobBytes() throws(LedgerError) -> ArraySlice<UInt8> {
    let length = try elementCount()
    defer { position += length }
    return bytes[position..<position + length]
  }
}

/// The parts of the ledger's binary records: fixed and variable-length integers, little-endian, and length-prefixed bytes.
extension ByteWriter {
  mutating func bool(_ value: Bool) {
    append(value ? 1 : 0)
  }

  mutating func fixed(_ value: Int64) {
    withUnsafeBytes(of: value.littleEndian) { $0.withMemoryRebound(to: UInt8.self) { append($0) } }
  }

  /// LEB128: seven bits a byte, the least significant first.
  mutating func count(_ value: Int) {
    precondition(value >= 0, "A count is never negative.")
    var rest = UInt64(value)
    while rest >= 0x80 {
      append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    append(UInt8(rest))
  }

  mutating func blob(_ value: [UInt8]) {
    count(value.count)
    append(value)
  }

  mutating func string(_ value: String) {
    count(value.utf8.count)
    append(value)
  }

  mutating func uuid(_ value: UUID) {
    withUnsafeBytes(of: value.uuid) { $0.withMemoryRebound(to: UInt8.self) { append($0) } }
  }

  /// A text that may be missing (0), is most likely a UUID (2, in 16 bytes), or anything else (1).
  mutating func identifier(_ value: String?) {
    guard let value else { return append(0) }
    if let parsed = UUIDText.parse(value) {
      append(2)
      uuid(parsed)
    } else {
      append(1)
      string(value)
    }
  }

  mutating func optional<Value>(_ value: Value?, _ write: (inout ByteWriter, Value) -> Void) {
    bool(value != nil)
    if let value { write(&self, value) }
  }
}

/// A UUID in its canonical text, 36 characters in lower case, which the ledger keeps in 16 bytes.
///
/// Tokens are UUIDs by the API's specification, and most request ids are; each takes a third of the memory so.
enum UUIDText {
  /// The UUID whose canonical text this is; `nil` where it is anything else.
  static func parse(_ text: String) -> UUID? {
    guard text.utf8.count == 36 else { return nil }
    var text = text
    return text.withUTF8(parse)
  }

  private static func parse(_ text: UnsafeBufferPointer<UInt8>) -> UUID? {
    var bytes: uuid_t = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    let isCanonical = withUnsafeMutableBytes(of: &bytes) { bytes in
      var nibbles = 0
      for index in text.indices {
        let character = text[index]
        if index == 8 || index == 13 || index == 18 || index == 23 {
          guard character == UInt8(ascii: "-") else { return false }
          continue
        }
        let nibble: UInt8
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): nibble = character - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): nibble = character - UInt8(ascii: "a") + 10
        default: return false
        }
        bytes[nibbles / 2] = bytes[nibbles / 2] << 4 | nibble
        nibbles += 1
      }
      return true
    }
    return isCanonical ? UUID(uuid: bytes) : nil
  }
}
