import FoundationEssentials

/// Bytes that are being written, in memory that grows with them.
///
/// An array checks at each byte whether it is shared. This is nobody else's, so a byte costs a few instructions; and the
/// array that it ends in is exactly as large as it has to be.
package struct ByteWriter: ~Copyable {
  private var memory: UnsafeMutablePointer<UInt8>
  private var capacity: Int
  /// `false` while the memory is a caller's stack.
  private var ownsMemory: Bool
  /// How much has been written, in bytes.
  package private(set) var count = 0

  /// Nothing is written, and there is room for `capacity` bytes until more memory is needed.
  package init(capacity: Int) {
    self.capacity = max(capacity, 16)
    memory = .allocate(capacity: self.capacity)
    ownsMemory = true
  }

  /// - Parameter stack: memory that outlives the writer.
  private init(on stack: UnsafeMutablePointer<UInt8>, capacity: Int) {
    memory = stack
    self.capacity = capacity
    ownsMemory = false
  }

  deinit { if ownsMemory { memory.deallocate() } }

  /// What has been written.
  package var bytes: [UInt8] { Array(written) }

  private var written: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: memory, count: count) }

  /// What `write` writes, which most likely is no longer than `capacity` bytes: then it takes no memory but the result's.
  package static func write<Result>(
    upTo capacity: Int, _ write: (inout ByteWriter) -> Void, _ finish: (UnsafeBufferPointer<UInt8>) -> Result
  ) -> Result {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: capacity) { stack in
      var writer = stack.baseAddress.map { ByteWriter(on: $0, capacity: stack.count) } ?? ByteWriter(capacity: capacity)
      write(&writer)
      return finish(writer.written)
    }
  }

  /// Appends one byte.
  @inline(__always)
  package mutating func append(_ byte: UInt8) {
    reserve(1)
    memory[count] = byte
    count += 1
  }

  /// Appends bytes.
  package mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
    guard let start = bytes.baseAddress else { return }
    reserve(bytes.count)
    (memory + count).update(from: start, count: bytes.count)
    count += bytes.count
  }

  /// Appends bytes.
  package mutating func append(_ bytes: [UInt8]) { bytes.withUnsafeBufferPointer { append($0) } }

  /// Appends a text in UTF-8.
  package mutating func append(_ text: String) {
    var text = text
    text.withUTF8 { append($0) }
  }

  /// Appends a text in UTF-8.
  mutating func append(_ text: StaticString) { text.withUTF8Buffer { append($0) } }

  /// Makes room for so many bytes more.
  @inline(__always)
  private mutating func reserve(_ more: Int) {
    if capacity - count < more { grow(by: more) }
  }

  @inline(never)
  private mutating func grow(by more: Int) {
    capacity = max(2 * capacity, count + more)
    let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
    larger.update(from: memory, count: count)
    if ownsMemory { memory.deallocate() }
    memory = larger
    ownsMemory = true
  }

  /// Appends the last `width` digits of a number, with zeros before it.
  package mutating func append(padded value: UInt64, width: Int) {
    reserve(width)
    var rest = value
    for index in stride(from: count + width - 1, through: count, by: -1) {
      memory[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    }
    count += width
  }

  /// Appends two decimal digits, and what stands behind them in a date.
  @inline(__always)
  mutating func append(twoDigits value: UInt32, _ separator: UInt8) {
    reserve(3)
    memory[count] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value / 10)
    memory[count + 1] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value % 10)
    memory[count + 2] = separator
    count += 3
  }

  /// Appends a UUID in lower case: 36 bytes.
  mutating func append(uuid: UUID) {
    reserve(36)
    withUnsafeBytes(of: uuid.uuid) { octets in
      for index in octets.indices {
        if index == 4 || index == 6 || index == 8 || index == 10 {
          memory[count] = UInt8(ascii: "-")
          count += 1
        }
        memory[count] = Self.hexadecimalDigit(octets[index] >> 4)
        memory[count + 1] = Self.hexadecimalDigit(octets[index] & 15)
        count += 2
      }
    }
  }

  @inline(__always)
  private static func hexadecimalDigit(_ digit: UInt8) -> UInt8 {
    digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
  }

  /// Appends a member's name in JSON, which must need no escapes, between its quotes and with the colon.
  mutating func append(jsonName name: StaticString, afterComma: Bool) {
    let length = name.utf8CodeUnitCount
    reserve(length + 4)
    if afterComma {
      memory[count] = UInt8(ascii: ",")
      count += 1
    }
    memory[count] = UInt8(ascii: "\"")
    (memory + count + 1).update(from: name.utf8Start, count: length)
    memory[count + length + 1] = UInt8(ascii: "\"")
    memory[count + length + 2] = UInt8(ascii: ":")
    count += length + 3
  }
}

extension ByteWriter {
  /// Appends a number in decimal digits: up to 20 bytes.
  package mutating func append(decimal value: Int64) {
    if value < 0 { append(UInt8(ascii: "-")) }
    var digits = 1
    var rest = value.magnitude / 10
    while rest > 0 {
      digits += 1
      rest /= 10
    }
    append(padded: value.magnitude, width: digits)
  }

  /// Appends two hexadecimal digits.
  mutating func append(hexadecimal octet: UInt8) {
    append(Self.hexadecimalDigit(octet >> 4))
    append(Self.hexadecimalDigit(octet & 15))
  }
}

extension [UInt8] {
  /// A text of most likely no more than `capacity` bytes.
  package init(upTo capacity: Int, _ write: (inout ByteWriter) -> Void) {
    self = ByteWriter.write(upTo: capacity, write) { Array($0) }
  }

  /// The number in decimal digits.
  init(decimal value: Int64) {
    self.init(upTo: 20) { $0.append(decimal: value) }
  }

  /// The UUID in lower case.
  init(uuid: UUID) {
    self.init(upTo: 36) { $0.append(uuid: uuid) }
  }

  /// The point as `Timestamp.rfc3339` has it.
  init(rfc3339 timestamp: Timestamp) {
    self.init(upTo: 27) { $0.append(rfc3339: timestamp) }
  }
}

extension UUID {
  /// The 36 characters in lower case.
  package var lowercasedText: String {
    ByteWriter.write(upTo: 36, { $0.append(uuid: self) }) { String(decoding: $0, as: UTF8.self) }
  }
}
