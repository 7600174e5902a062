import FoundationEssentials

/// Writes the ledger's binary records: fixed and variable-length integers, little-endian, and length-prefixed bytes.
struct ByteWriter {
  private(set) var bytes: [UInt8] = []

  init(capacity: Int) {
    bytes.reserveCapacity(capacity)
  }

  mutating func byte(_ value: UInt8) {
    bytes.append(value)
  }

  mutating func bool(_ value: Bool) {
    bytes.append(value ? 1 : 0)
  }

  mutating func fixed(_ value: Int64) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }

  /// LEB128: seven bits a byte, the least significant first.
  mutating func count(_ value: Int) {
    precondition(value >= 0, "A count is never negative.")
    var rest = UInt64(value)
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  mutating func blob(_ value: some Collection<UInt8>) {
    count(value.count)
    bytes.append(contentsOf: value)
  }

  mutating func string(_ value: String) {
    blob(value.utf8)
  }

  mutating func uuid(_ value: UUID) {
    withUnsafeBytes(of: value.uuid) { bytes.append(contentsOf: $0) }
  }

  /// A text that may be missing (0), is most likely a UUID (2, in 16 bytes), or anything else (1).
  mutating func identifier(_ value: String?) {
    guard let value else { return byte(0) }
    if let parsed = UUIDText.parse(value) {
      byte(2)
      uuid(parsed)
    } else {
      byte(1)
      string(value)
    }
  }

  mutating func optional<Value>(_ value: Value?, _ write: (inout ByteWriter, Value) -> Void) {
    bool(value != nil)
    if let value { write(&self, value) }
  }
}
