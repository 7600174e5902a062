/// The range of a number in the text.
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

  /// The exact value of a number of this reader; `nil` where it is no integer or exceeds 64 bits.
  ///
  /// Integers are what JSON Schema counts as such: `13902598.0` and `1.39e7` are, `1.5` is not.
  public func int64(_ number: JSONNumber) -> Int64? {
    number.isInteger ? Int64(json: bytes[number.range]) : DecimalNumber(bytes[number.range]).int64
  }

  /// Whether a number of this reader is no integer.
  public func hasFraction(_ number: JSONNumber) -> Bool {
    !number.isInteger && DecimalNumber(bytes[number.range]).hasFraction
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

extension Int64 {
  /// The exact value of a number in JSON; `nil` where it is no integer or exceeds 64 bits.
  init?(exactlyJSON text: String) {
    guard let value = DecimalNumber(Array(text.utf8)[...]).int64 else { return nil }
    self = value
  }

  /// The value of a JSON number that is written without fraction and exponent.
  fileprivate init?(json utf8: ArraySlice<UInt8>) {
    let isNegative = utf8.first == UInt8(ascii: "-")
    self.init(digits: utf8.dropFirst(isNegative ? 1 : 0), isNegative: isNegative)
  }
}

/// A number of JSON as `digits × 10^scale`, without rounding.
private struct DecimalNumber {
  private var isNegative = false
  /// Decimal digits, of which neither the first nor the last is zero; none where the number is zero.
  private var digits: [UInt8] = []
  private var scale = 0

  /// - Parameter utf8: A well-formed number of JSON.
  init(_ utf8: ArraySlice<UInt8>) {
    var exponent = 0
    var rest = utf8
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "-"): isNegative = true
      case UInt8(ascii: "."):
        let fraction = rest.prefix { (0x30...0x39) ~= $0 }
        digits += fraction
        scale -= fraction.count
        rest = rest.dropFirst(fraction.count)
      case UInt8(ascii: "e"), UInt8(ascii: "E"):
        exponent = Self.exponent(rest)
        rest = []
      default: digits.append(byte)
      }
    }
    digits = Array(digits.drop { $0 == 0x30 })
    while digits.last == 0x30 {
      digits.removeLast()
      scale += 1
    }
    scale += exponent
  }

  var hasFraction: Bool { !digits.isEmpty && scale < 0 }

  var int64: Int64? {
    if digits.isEmpty { return 0 }
    // A 64-bit integer has at most 19 digits.
    guard scale >= 0, digits.count + scale <= 19 else { return nil }
    return Int64(digits: (digits + Array(repeating: 0x30, count: scale))[...], isNegative: isNegative)
  }

  /// The exponent, or one of the same sign that is large enough to decide.
  private static func exponent(_ utf8: ArraySlice<UInt8>) -> Int {
    let isNegative = utf8.first == UInt8(ascii: "-")
    let digits = utf8.drop { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "+") }.drop { $0 == 0x30 }
    let magnitude = digits.isEmpty ? 0 : Int64(digits: digits).map { min($0, 1 << 40) } ?? 1 << 40
    return Int(isNegative ? -magnitude : magnitude)
  }
}
