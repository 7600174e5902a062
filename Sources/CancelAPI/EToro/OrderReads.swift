import CancelContract

/// Reads an order's status from its lookup (`GET /api/v2/trading/info/orders:lookup?orderId=`): by shape, without regard
/// to the case of names.
enum OrderStatusReader {
  /// The status in this body.
  ///
  /// - Throws: ``ReadFault`` where the body has no object `status`.
  static func status(in body: [UInt8]) throws(ReadFault) -> OrderStatus {
    let root: JSONValue
    do {
      root = try JSONValue(body)
    } catch {
      throw ReadFault(error)
    }
    guard let status = root.member("status"), status.kind == .object else {
      throw ReadFault("its body has no object `status`")
    }
    return OrderStatus(
      id: status.member("id")?.integer.flatMap(Int.init(exactly:)), name: status.member("name")?.string,
      errorCode: status.member("errorcode")?.integer.flatMap(Int.init(exactly:)),
      errorMessage: status.member("errormessage")?.string)
  }
}

extension JSONValue {
  /// The member of this name, which must be in lower case, whatever the case in the object; `nil` where it is missing or null.
  fileprivate func member(_ name: String) -> JSONValue? {
    members?.first { $0.name.lowercased() == name && $0.value != .null }?.value
  }
}

extension Credential {
  /// The status without texts that repeat a part of the credential, each bounded in length.
  func cleaned(_ status: OrderStatus) -> OrderStatus {
    var status = status
    status.name = status.name.flatMap { isRepeated(in: $0) ? nil : String($0.prefix(100)) }
    status.errorMessage = status.errorMessage.flatMap { isRepeated(in: $0) ? nil : String($0.prefix(1000)) }
    return status
  }
}

extension OrderListAnswer {
  /// A list that could not be read.
  init(fault: CancelAnswer, rateLimit: RateLimit?) {
    self.init(.fault(fault), rateLimit: rateLimit)
  }
}

extension OrderLookupAnswer {
  /// A lookup that told nothing.
  init(fault: CancelAnswer, rateLimit: RateLimit?) {
    self.init(.fault(fault), rateLimit: rateLimit)
  }
}

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

/// Reads an account's pending orders from its portfolio (`GET /api/v1/trading/info/portfolio`) while it arrives.
///
/// Read by shape, without regard to the case of names: under `clientPortfolio` the lists `orders`, `ordersForOpen`,
/// `entryOrders` and `stockOrders` hold orders that can be cancelled; `ordersForClose`, `ordersForCloseMultiple` and
/// `exitOrders` hold closing orders; such lists anywhere under `mirrors` belong to copied portfolios. Any list may be
/// missing or null. An order without a number makes the list unusable: a list that left one out would say that less is
/// pending than there is.
struct PortfolioReader: Sendable {
  /// The most of a portfolio that is read, in bytes; one that is longer is not used.
  static let longestBody = 64 * 1024 * 1024

  private enum Kind {
    case cancellable
    case closing
  }

  /// What an open object or array is.
  private enum Frame {
    case root
    case portfolio
    case mirrors
    case inMirror
    case orders(Kind, isCopied: Bool)
    case order(Kind, isCopied: Bool)
    case other
  }

  private var stream = JSONStream()
  private var frames: [Frame] = []
  /// The name of the member whose value comes next, in lower case.
  private var name = ""
  private var orderID: OrderID?
  private var list = OrderList(orders: [])
  private var seen: Set<OrderID> = []
  private var told = 0
  private var hasPortfolio = false
  private var fault: ReadFault?
  private var bytes = 0

  /// A reader of a portfolio of which nothing has come.
  init() {}

  /// Reads the next piece of the body. Once something is wrong with it, nothing more is looked at.
  mutating func read(_ piece: some Collection<UInt8>) {
    guard fault == nil else { return }
    var piece = piece[...]
    if bytes == 0, piece.starts(with: [0xEF, 0xBB, 0xBF]) { piece = piece.dropFirst(3) }
    bytes += piece.count
    do {
      var stream = self.stream
      try stream.read(piece) { token throws(JSONFault) in take(token) }
      self.stream = stream
    } catch {
      fault = fault ?? ReadFault(error)
    }
  }

  /// The orders that were found since this was asked last.
  mutating func takeOrders() -> [OrderID] {
    defer { told = list.orders.count }
    return Array(list.orders[told...])
  }

  /// The body has come to its end: the orders in it.
  ///
  /// - Throws: ``ReadFault`` where the body is not a portfolio, or an order in it has no number.
  mutating func finish() throws(ReadFault) -> OrderList {
    do {
      var stream = self.stream
      if fault == nil { try stream.finish { token throws(JSONFault) in take(token) } }
    } catch {
      throw ReadFault(error)
    }
    if let fault { throw fault }
    guard hasPortfolio else { throw ReadFault("its body has no clientPortfolio") }
    return list
  }

  /// The orders in this body.
  ///
  /// - Throws: as ``finish()``.
  static func list(in body: [UInt8]) throws(ReadFault) -> OrderList {
    var reader = PortfolioReader()
    reader.read(body)
    return try reader.finish()
  }

  private mutating func take(_ token: JSONStream.Token) {
    switch token {
    case .name(let bytes): name = String(decoding: bytes, as: UTF8.self).lowercased()
    case .begin(let kind):
      frames.append(frame(beginning: kind))
      if case .order? = frames.last { orderID = nil }
    case .end:
      if case .order(let kind, let isCopied)? = frames.popLast() { count(kind, isCopied: isCopied) }
    case .scalar(let kind, let text):
      switch frames.last {
      case .order?: if name == "orderid" { orderID = PortfolioReader.integer(text).flatMap { OrderID($0) } }
      case .orders?, .mirrors?: fault = ReadFault("a list of orders in it holds something else")
      case .portfolio? where isList(name) && kind != .null: fault = ReadFault("a list of orders in it is \(kind)")
      default: break
      }
    }
  }

  /// What an object or array is that begins where the reader stands.
  private mutating func frame(beginning kind: JSONKind) -> Frame {
    switch (frames.last, kind) {
    case (nil, .object): return .root
    case (.root?, .object) where name == "clientportfolio":
      hasPortfolio = true
      return .portfolio
    case (.portfolio?, .array) where name == "mirrors": return .mirrors
    case (.portfolio?, .array):
      if let kind = PortfolioReader.kind(of: name) { return .orders(kind, isCopied: false) }
    case (.portfolio?, _) where isList(name): fault = ReadFault("a list of orders in it is \(kind)")
    case (.mirrors?, .object): return .inMirror
    case (.inMirror?, .array):
      if let kind = PortfolioReader.kind(of: name) { return .orders(kind, isCopied: true) }
      return .inMirror
    case (.inMirror?, _): return .inMirror
    case (.orders(let kind, let isCopied)?, .object): return .order(kind, isCopied: isCopied)
    case (.orders?, _), (.mirrors?, _): fault = ReadFault("a list of orders in it holds something else")
    default: break
    }
    return .other
  }

  private mutating func count(_ kind: Kind, isCopied: Bool) {
    if isCopied {
      list.notCancellable.copiedOrders += 1
    } else if kind == .closing {
      list.notCancellable.closingOrders += 1
    } else if let orderID {
      guard seen.insert(orderID).inserted else { return }
      if list.orders.count < OrderList.mostOrders {
        list.orders.append(orderID)
      } else {
        list.isTruncated = true
      }
    } else {
      fault = ReadFault("one of the pending orders has no number")
    }
  }

  private func isList(_ name: String) -> Bool { name == "mirrors" || PortfolioReader.kind(of: name) != nil }

  private static func kind(of name: String) -> Kind? {
    switch name {
    case "orders", "ordersforopen", "entryorders", "stockorders": .cancellable
    case "ordersforclose", "ordersforclosemultiple", "exitorders": .closing
    default: nil
    }
  }

  /// The integer that a scalar writes, as a number or as a string of digits; `nil` for anything else.
  private static func integer(_ text: [UInt8]) -> Int64? {
    var reader = JSONReader(text)
    return try? reader.readInteger()
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
