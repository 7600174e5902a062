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
