extension RequestDraft {
  /// Reads the order id: a JSON integer or a string of decimal digits, exactly.
  mutating func readOrderID(from reader: inout JSONReader) throws(JSONFault) {
    let (kind, place) = try next(in: &reader)
    switch kind {
    case .number:
      let number = try reader.readNumber()
      // At the end of a text that broke off, digits may be missing.
      guard reader.position < reader.end else { throw reader.fault(at: reader.end, expected: "`,` or `}`") }
      guard number.isInteger else {
        return note(.orderID("has a fraction or an exponent", at: place, in: reader))
      }
      guard let value = reader.int64(number) else {
        return note(.orderID("exceeds 64 bits", at: place, in: reader))
      }
      take(value, at: place, in: reader)
    case .string:
      let digits = reader.utf8(try reader.readString())
      let isCanonical =
        digits.first != UInt8(ascii: "0") && !digits.isEmpty && digits.allSatisfy { (0x30...0x39) ~= $0 }
      guard isCanonical || digits == [UInt8(ascii: "0")] else {
        return note(.orderID("is a string with something other than digits, or leading zeros", at: place, in: reader))
      }
      guard let value = Int64(digits: digits[...]) else {
        return note(.orderID("exceeds 64 bits", at: place, in: reader))
      }
      take(value, at: place, in: reader)
    case .null:
      try reader.readNull()
      note(.orderIDMissing("is null"))
    default:
      try reader.skipValue()
      note(.orderID("is \(kind)", at: place, in: reader))
    }
  }

  private mutating func take(_ value: Int64, at place: Int, in reader: JSONReader) {
    orderID = OrderID(value)
    if orderID == nil { note(.orderID(value == 0 ? "is zero" : "is negative", at: place, in: reader)) }
  }
}

extension RequestFault {
  /// There is no order id.
  static func orderIDMissing(_ what: String) -> RequestFault {
    RequestFault(
      .orderIDMissing,
      "`orderId` \(what): send the order's number as a JSON integer or as a string of decimal digits",
      member: "orderId"
    )
  }

  /// The order id is there and is none.
  fileprivate static func orderID(_ what: String, at offset: Int, in reader: JSONReader) -> RequestFault {
    RequestFault(
      .orderIDInvalid,
      "`orderId` (\(reader.placeDescription(of: offset))) \(what): "
        + "send an integer from 1 to 9223372036854775807, or the same as a string of decimal digits",
      member: "orderId"
    )
  }
}
