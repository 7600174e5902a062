/// Where a number stands in the text.
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

  /// The exact value of a number of this reader; `nil` where it has a fraction or an exponent, or exceeds 64 bits.
  public func int64(_ number: JSONNumber) -> Int64? {
    guard number.isInteger else { return nil }
    let isNegative = bytes[number.range.lowerBound] == UInt8(ascii: "-")
    return Int64(digits: bytes[number.range.dropFirst(isNegative ? 1 : 0)], isNegative: isNegative)
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
