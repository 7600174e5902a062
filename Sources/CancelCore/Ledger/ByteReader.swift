import FoundationEssentials

/// Reads what `ByteWriter` wrote; whatever the bytes, it ends in a value or a `LedgerError`.
struct ByteReader {
  private let bytes: [UInt8]
  private(set) var position: Int

  init(_ bytes: [UInt8], from position: Int = 0) {
    self.bytes = bytes
    self.position = position
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
    case 2: return UUIDText.text(of: try uuid())
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
