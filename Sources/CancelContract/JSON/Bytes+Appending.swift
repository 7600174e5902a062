import FoundationEssentials

extension [UInt8] {
  /// Appends a JSON string with its quotes; escapes what must be escaped and nothing else.
  mutating func appendJSONString(_ text: String) {
    append(UInt8(ascii: "\""))
    var text = text
    text.withUTF8 { utf8 in
      var clean = 0
      for (index, byte) in utf8.enumerated()
      where byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
        append(contentsOf: utf8[clean..<index])
        appendEscape(of: byte)
        clean = index + 1
      }
      append(contentsOf: utf8[clean...])
    }
    append(UInt8(ascii: "\""))
  }

  private mutating func appendEscape(of byte: UInt8) {
    append(UInt8(ascii: "\\"))
    switch byte {
    case 0x08: append(UInt8(ascii: "b"))
    case 0x09: append(UInt8(ascii: "t"))
    case 0x0A: append(UInt8(ascii: "n"))
    case 0x0C: append(UInt8(ascii: "f"))
    case 0x0D: append(UInt8(ascii: "r"))
    case 0x00..<0x20:
      append(contentsOf: "u00".utf8)
      appendHexadecimal(byte)
    default: append(byte)
    }
  }

  /// Appends a number in decimal digits.
  mutating func appendDecimal(_ value: some FixedWidthInteger) {
    if value < 0 { append(UInt8(ascii: "-")) }
    let first = count
    var rest = value.magnitude
    repeat {
      let (quotient, remainder) = rest.quotientAndRemainder(dividingBy: 10)
      append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: remainder))
      rest = quotient
    } while rest > 0
    self[first...].reverse()
  }

  /// Appends a UUID in lower case.
  mutating func appendUUID(_ uuid: UUID) {
    Swift.withUnsafeBytes(of: uuid.uuid) { octets in
      for (index, octet) in octets.enumerated() {
        if index == 4 || index == 6 || index == 8 || index == 10 { append(UInt8(ascii: "-")) }
        appendHexadecimal(octet)
      }
    }
  }

  /// Appends `number`, with zeros before it, in `width` digits.
  mutating func appendPadded(_ number: Int64, width: Int) {
    var divisor: Int64 = 1
    for _ in 1..<width { divisor *= 10 }
    while divisor > 0 {
      append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number / divisor % 10))
      divisor /= 10
    }
  }

  private mutating func appendHexadecimal(_ octet: UInt8) {
    appendHexadecimal(digit: octet >> 4)
    appendHexadecimal(digit: octet & 15)
  }

  private mutating func appendHexadecimal(digit: UInt8) {
    append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
  }
}
