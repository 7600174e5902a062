import CancelContract

/// The key of a record on the ledger topic, in UTF-8: `orderId@account` for an order's own record, `orderId#n@account`
/// for the n-th further piece of its requests.
///
/// Digits and the mark come before the first `@`, so that an account's name may hold any characters.
struct LedgerKey: Hashable, Sendable {
  var orderID: OrderID
  /// The number of the piece; 0 for the order's own record.
  var piece = 0
  var account: AccountName

  var utf8: [UInt8] {
    var bytes: [UInt8] = []
    let name = account.description.utf8
    bytes.reserveCapacity(32 + name.count)
    bytes.append(contentsOf: orderID.description.utf8)
    if piece > 0 {
      bytes.append(UInt8(ascii: "#"))
      bytes.append(contentsOf: piece.description.utf8)
    }
    bytes.append(UInt8(ascii: "@"))
    bytes.append(contentsOf: name)
    return bytes
  }

  init(orderID: OrderID, piece: Int = 0, account: AccountName) {
    self.orderID = orderID
    self.piece = piece
    self.account = account
  }

  init(utf8: [UInt8]) throws(LedgerError) {
    var position = 0
    guard let number = LedgerKey.number(in: utf8, &position), let orderID = OrderID(number) else {
      throw .malformedKey(utf8)
    }
    self.orderID = orderID
    if position < utf8.count, utf8[position] == UInt8(ascii: "#") {
      position += 1
      guard let piece = LedgerKey.number(in: utf8, &position), let number = Int(exactly: piece), number > 0 else {
        throw .malformedKey(utf8)
      }
      self.piece = number
    }
    guard position < utf8.count, utf8[position] == UInt8(ascii: "@"),
      let name = String(validating: utf8[(position + 1)...], as: UTF8.self)
    else { throw .malformedKey(utf8) }
    account = AccountName(name)
  }

  /// A decimal number without sign or leading zero.
  private static func number(in utf8: [UInt8], _ position: inout Int) -> Int64? {
    let start = position
    var value: Int64 = 0
    while position < utf8.count, case let digit = utf8[position] &- UInt8(ascii: "0"), digit < 10 {
      let (product, tooLarge) = value.multipliedReportingOverflow(by: 10)
      let (sum, overflow) = product.addingReportingOverflow(Int64(digit))
      guard !tooLarge, !overflow else { return nil }
      value = sum
      position += 1
    }
    return position > start && utf8[start] != UInt8(ascii: "0") ? value : nil
  }
}

extension LedgerError {
  fileprivate static func malformedKey(_ utf8: [UInt8]) -> LedgerError {
    .malformedKey(String(decoding: utf8.prefix(80), as: UTF8.self))
  }
}
