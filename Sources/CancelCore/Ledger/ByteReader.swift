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
    guard bytes.count - position >= 8 else { throw .truncated(at: position) }
    var value: UInt64 = 0
    for index in 0..<8 { value |= UInt64(bytes[position + index]) << (8 * UInt64(index)) }
    position += 8
    return Int64(bitPattern: value)
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
    let length = try elementCount()
    defer { position += length }
    return Array(bytes[position..<position + length])
  }

  mutating func string() throws(LedgerError) -> String {
    let start = position
    guard let text = String(validating: try blob(), as: UTF8.self) else {
      throw .malformed("a text is not UTF-8", at: start)
    }
    return text
  }

  mutating func uuid() throws(LedgerError) -> UUID {
    guard bytes.count - position >= 16 else { throw .truncated(at: position) }
    defer { position += 16 }
    return bytes.withUnsafeBytes { UUID(uuid: $0.loadUnaligned(fromByteOffset: position, as: uuid_t.self)) }
  }

  mutating func optional<Value>(
    _ read: (inout ByteReader) throws(LedgerError) -> Value
  ) throws(LedgerError) -> Value? {
    try bool() ? try read(&self) : nil
  }
}
