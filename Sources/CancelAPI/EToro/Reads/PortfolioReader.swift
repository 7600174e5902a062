import CancelContract

/// Why a response to a list or a lookup could not be used; `detail` is the second half of a sentence about it.
struct ReadFault: Error {
  var detail: String

  init(_ detail: String) {
    self.detail = detail
  }

  init(_ fault: JSONFault) {
    detail = "its body is no JSON (\(fault))"
  }
}

/// Reads an account's pending orders from its portfolio (`GET /api/v1/trading/info/portfolio`).
///
/// Read by shape, without regard to the case of names: under `clientPortfolio` the lists `orders`, `ordersForOpen`,
/// `entryOrders` and `stockOrders` hold orders that can be cancelled; `ordersForClose`, `ordersForCloseMultiple` and
/// `exitOrders` hold closing orders; everything under `mirrors` belongs to copied portfolios. Any list may be missing or
/// null. An order without a number makes the list unusable: a list that left one out would say that less is pending than
/// there is.
enum PortfolioReader {
  /// The most of a portfolio that is read, in bytes; one that is longer is not used.
  static let longestBody = 64 * 1024 * 1024

  private enum Kind {
    case cancellable
    case closing
  }

  /// The orders in this body.
  ///
  /// - Throws: ``ReadFault`` where the body is not a portfolio, or an order in it has no number.
  static func list(in body: [UInt8]) throws(ReadFault) -> OrderList {
    var reading = Reading()
    do {
      let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]
      var reader = JSONReader(body, range: (body.starts(with: byteOrderMark) ? 3 : 0)..<body.count)
      try reading.readRoot(from: &reader)
      try reader.finish()
    } catch {
      throw ReadFault(error)
    }
    if let fault = reading.fault { throw fault }
    guard reading.hasPortfolio else { throw ReadFault("its body has no clientPortfolio") }
    return reading.list
  }

  private struct Reading {
    var list = OrderList(orders: [])
    var hasPortfolio = false
    var fault: ReadFault?
    private var seen: Set<OrderID> = []

    mutating func readRoot(from reader: inout JSONReader) throws(JSONFault) {
      guard try reader.peekKind() == .object else {
        try reader.skipValue()
        return
      }
      guard try reader.enterObject() else { return }
      repeat {
        let name = try reader.readName()
        if reader.isName(name, "clientportfolio"), try reader.peekKind() == .object {
          hasPortfolio = true
          try readPortfolio(from: &reader)
        } else {
          try reader.skipValue()
        }
      } while try reader.continuesObject()
    }

    private mutating func readPortfolio(from reader: inout JSONReader) throws(JSONFault) {
      guard try reader.enterObject() else { return }
      repeat {
        let name = try reader.readName()
        if let kind = Reading.kind(of: name, in: reader) {
          try readOrders(kind, isCopied: false, from: &reader)
        } else if reader.isName(name, "mirrors") {
          try readMirrors(from: &reader)
        } else {
          try reader.skipValue()
        }
      } while try reader.continuesObject()
    }

    private mutating func readMirrors(from reader: inout JSONReader) throws(JSONFault) {
      try readElements(from: &reader) { (reading, reader) throws(JSONFault) in
        guard try reader.enterObject() else { return }
        repeat {
          let name = try reader.readName()
          if let kind = Reading.kind(of: name, in: reader) {
            try reading.readOrders(kind, isCopied: true, from: &reader)
          } else {
            try reader.skipValue()
          }
        } while try reader.continuesObject()
      }
    }

    private mutating func readOrders(
      _ kind: Kind, isCopied: Bool, from reader: inout JSONReader
    ) throws(JSONFault) {
      try readElements(from: &reader) { (reading, reader) throws(JSONFault) in
        let orderID = try Reading.orderID(from: &reader)
        if isCopied {
          reading.list.notCancellable.copiedOrders += 1
        } else if kind == .closing {
          reading.list.notCancellable.closingOrders += 1
        } else if let orderID {
          guard reading.seen.insert(orderID).inserted else { return }
          if reading.list.orders.count < OrderList.mostOrders {
            reading.list.orders.append(orderID)
          } else {
            reading.list.isTruncated = true
          }
        } else {
          reading.fault = ReadFault("one of the pending orders has no number")
        }
      }
    }

    /// Reads an array of objects; null stands for an empty one. Anything else makes the list unusable.
    private mutating func readElements(
      from reader: inout JSONReader, _ read: (inout Reading, inout JSONReader) throws(JSONFault) -> Void
    ) throws(JSONFault) {
      switch try reader.peekKind() {
      case .null: return try reader.readNull()
      case .array: break
      case let kind:
        try reader.skipValue()
        fault = ReadFault("a list of orders in it is \(kind)")
        return
      }
      guard try reader.enterArray() else { return }
      repeat {
        if try reader.peekKind() == .object {
          try read(&self, &reader)
        } else {
          try reader.skipValue()
          fault = ReadFault("a list of orders in it holds something else")
        }
      } while try reader.continuesArray()
    }

    /// Reads one order; its number, where it has one.
    private static func orderID(from reader: inout JSONReader) throws(JSONFault) -> OrderID? {
      var orderID: OrderID?
      guard try reader.enterObject() else { return nil }
      repeat {
        let name = try reader.readName()
        if reader.isName(name, "orderid") {
          orderID = try reader.readInteger().flatMap { OrderID($0) }
        } else {
          try reader.skipValue()
        }
      } while try reader.continuesObject()
      return orderID
    }

    private static func kind(of name: JSONString, in reader: borrowing JSONReader) -> Kind? {
      for cancellable in ["orders", "ordersforopen", "entryorders", "stockorders"]
      where reader.isName(name, cancellable) { return .cancellable }
      for closing in ["ordersforclose", "ordersforclosemultiple", "exitorders"]
      where reader.isName(name, closing) { return .closing }
      return nil
    }
  }
}

extension JSONReader {
  /// Whether a name is this one, which must be in lower case, but for the case of ASCII letters.
  func isName(_ name: JSONString, _ lowercase: String) -> Bool {
    let found = name.isEscaped ? utf8(name)[...] : bytes[name.range]
    return found.count == lowercase.utf8.count
      && zip(found, lowercase.utf8).allSatisfy { byte, expected in
        byte == expected || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) && byte | 0x20 == expected
      }
  }

  /// Reads an integer, written as a number or as a string of digits; `nil` for anything else.
  mutating func readInteger() throws(JSONFault) -> Int64? {
    switch try peekKind() {
    case .number: return int64(try readNumber())
    case .string: return Int64(text(try readString()))
    default:
      try skipValue()
      return nil
    }
  }
}
