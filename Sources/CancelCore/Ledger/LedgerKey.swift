import CancelContract

/// The key of an order's record on the ledger topic: `orderId@account` in UTF-8.
struct LedgerKey: Hashable, Sendable {
  var orderID: OrderID
  var account: AccountName

  var utf8: [UInt8] { Array("\(orderID)@\(account)".utf8) }

  init(orderID: OrderID, account: AccountName) {
    self.orderID = orderID
    self.account = account
  }

  init(utf8: [UInt8]) throws(LedgerError) {
    guard let at = utf8.firstIndex(of: UInt8(ascii: "@")),
      let digits = String(validating: utf8[..<at], as: UTF8.self),
      let number = Int64(digits), let orderID = OrderID(number),
      let name = String(validating: utf8[(at + 1)...], as: UTF8.self)
    else { throw .malformedKey(String(decoding: utf8.prefix(80), as: UTF8.self)) }
    self.orderID = orderID
    self.account = AccountName(name)
  }
}
