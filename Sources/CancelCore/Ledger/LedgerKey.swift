import CancelContract

/// The key of a record on the ledger topic, in UTF-8.
///
/// | key | record |
/// |---|---|
/// | `orderId@account` | an order's own |
/// | `orderId#n@account` | the n-th further piece of its requests |
/// | `orderId!offset@account` | that the sweep with this offset has answered for it |
/// | `orderId?@account` | its confirmation |
/// | `!sweep@offset` | a sweep |
/// | `!switch@name` | a dead-man's switch |
/// | `!campaign@id` | a campaign |
///
/// Digits and marks come before the first `@`, so that an account's name may hold any characters.
enum LedgerKey: Hashable, Sendable {
  case order(OrderID, piece: Int = 0, AccountName)
  case mark(OrderID, sweep: Int64, AccountName)
  case confirmation(OrderID, AccountName)
  case sweep(Int64)
  case deadMansSwitch(String)
  case campaign(String)

  var utf8: [UInt8] {
    var bytes: [UInt8] = []
    switch self {
    case .order(let orderID, let piece, let account):
      bytes.reserveCapacity(32 + account.description.utf8.count)
      bytes += orderID.description.utf8
      if piece > 0 {
        bytes.append(UInt8(ascii: "#"))
        bytes += piece.description.utf8
      }
      bytes.append(UInt8(ascii: "@"))
      bytes += account.description.utf8
    case .mark(let orderID, let sweep, let account): bytes += "\(orderID)!\(sweep)@\(account)".utf8
    case .confirmation(let orderID, let account): bytes += "\(orderID)?@\(account)".utf8
    case .sweep(let offset): bytes += "!sweep@\(offset)".utf8
    case .deadMansSwitch(let name): bytes += "!switch@\(name)".utf8
    case .campaign(let id): bytes += "!campaign@\(id)".utf8
    }
    return bytes
  }

  init(utf8: [UInt8]) throws(LedgerError) {
    guard let at = utf8.firstIndex(of: UInt8(ascii: "@")),
      let name = String(validating: utf8[(at + 1)...], as: UTF8.self)
    else { throw .malformedKey(utf8) }
    let front = utf8[..<at]
    if utf8.first == UInt8(ascii: "!") {
      switch String(decoding: front, as: UTF8.self) {
      case "!sweep":
        guard let offset = LedgerKey.number(in: utf8[(at + 1)...]) else { throw .malformedKey(utf8) }
        self = .sweep(offset)
      case "!switch": self = .deadMansSwitch(name)
      case "!campaign": self = .campaign(name)
      default: throw .malformedKey(utf8)
      }
      return
    }
    let digits = front.prefix { $0 &- UInt8(ascii: "0") < 10 }
    guard let number = LedgerKey.number(in: digits), let orderID = OrderID(number) else { throw .malformedKey(utf8) }
    let rest = front[digits.endIndex...]
    let account = AccountName(name)
    switch rest.first {
    case nil: self = .order(orderID, account)
    case UInt8(ascii: "#"):
      guard let number = LedgerKey.number(in: rest.dropFirst()), let piece = Int(exactly: number), piece > 0 else {
        throw .malformedKey(utf8)
      }
      self = .order(orderID, piece: piece, account)
    case UInt8(ascii: "!"):
      guard let offset = LedgerKey.number(in: rest.dropFirst()) else { throw .malformedKey(utf8) }
      self = .mark(orderID, sweep: offset, account)
    case UInt8(ascii: "?") where rest.count == 1: self = .confirmation(orderID, account)
    default: throw .malformedKey(utf8)
    }
  }

  /// A decimal number without sign or leading zero.
  private static func number(in digits: ArraySlice<UInt8>) -> Int64? {
    guard let first = digits.first, first != UInt8(ascii: "0") || digits.count == 1 else { return nil }
    var value: Int64 = 0
    for digit in digits {
      guard case let digit = digit &- UInt8(ascii: "0"), digit < 10 else { return nil }
      let (product, tooLarge) = value.multipliedReportingOverflow(by: 10)
      let (sum, overflow) = product.addingReportingOverflow(Int64(digit))
      guard !tooLarge, !overflow else { return nil }
      value = sum
    }
    return value
  }
}

extension LedgerError {
  fileprivate static func malformedKey(_ utf8: [UInt8]) -> LedgerError {
    .malformedKey(String(decoding: utf8.prefix(80), as: UTF8.self))
  }
}
