import FoundationEssentials

/// A short text that is being built, in memory on the stack of a size known beforehand.
///
/// Building texts here and appending them to an array at once saves the array's checks for each byte.
struct TextBuffer {
  private let memory: UnsafeMutableBufferPointer<UInt8>
  private(set) var count = 0

  fileprivate init(_ memory: UnsafeMutableBufferPointer<UInt8>) {
    self.memory = memory
  }

  fileprivate var written: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(rebasing: memory[..<count]) }

  mutating func append(_ byte: UInt8) {
    precondition(count < memory.count, "The text must fit into the size that was asked for.")
    memory[count] = byte
    count += 1
  }

  mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
    precondition(bytes.count <= memory.count - count, "The text must fit into the size that was asked for.")
    _ = memory[count...].update(fromContentsOf: bytes)
    count += bytes.count
  }

  /// Appends a number in decimal digits: up to 20 bytes.
  mutating func append(decimal value: Int64) {
    if value < 0 { append(UInt8(ascii: "-")) }
    var digits = 1
    var rest = value.magnitude / 10
    while rest > 0 {
      digits += 1
      rest /= 10
    }
    append(padded: value.magnitude, width: digits)
  }

  /// Appends the last `width` digits of a number, with zeros before it.
  mutating func append(padded value: UInt64, width: Int) {
    precondition(width <= memory.count - count, "The text must fit into the size that was asked for.")
    var rest = value
    for index in stride(from: count + width - 1, through: count, by: -1) {
      memory[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    }
    count += width
  }

  /// Appends a UUID in lower case: 36 bytes.
  mutating func append(uuid: UUID) {
    withUnsafeBytes(of: uuid.uuid) { octets in
      for index in octets.indices {
        if index == 4 || index == 6 || index == 8 || index == 10 { append(UInt8(ascii: "-")) }
        append(hexadecimal: octets[index])
      }
    }
  }

  /// Appends two hexadecimal digits.
  mutating func append(hexadecimal octet: UInt8) {
    append(hexadecimalDigit: octet >> 4)
    append(hexadecimalDigit: octet & 15)
  }

  private mutating func append(hexadecimalDigit digit: UInt8) {
    append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
  }
}

extension [UInt8] {
  /// Appends a text of at most `capacity` bytes.
  @inline(__always)
  mutating func append(upTo capacity: Int, _ write: (inout TextBuffer) -> Void) {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: capacity) { memory in
      var text = TextBuffer(memory)
      write(&text)
      append(contentsOf: text.written)
    }
  }

  /// A text of at most `capacity` bytes.
  @inline(__always)
  init(upTo capacity: Int, _ write: (inout TextBuffer) -> Void) {
    self = withUnsafeTemporaryAllocation(of: UInt8.self, capacity: capacity) { memory in
      var text = TextBuffer(memory)
      write(&text)
      return Array(text.written)
    }
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

extension String {
  /// A text of at most `capacity` bytes.
  init(upTo capacity: Int, _ write: (inout TextBuffer) -> Void) {
    self.init(unsafeUninitializedCapacity: capacity) { memory in
      var text = TextBuffer(memory)
      write(&text)
      return text.count
    }
  }
}

extension UUID {
  /// The 36 characters in lower case.
  package var lowercasedText: String { String(upTo: 36) { $0.append(uuid: self) } }
}
