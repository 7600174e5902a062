import CancelContract
import CancelCore
import Testing

@testable import CancelAPI

@Suite struct PortfolioReaderTests {
  private func list(_ body: String) throws -> OrderList { try PortfolioReader.list(in: Array(body.utf8)) }

  @Test func ordersAreReadFromEveryListByShapeAndWithoutRegardToCase() throws {
    let list = try list(
      #"""
      {"ClientPortfolio":{"credit":12.5,"positions":[{"orderID":77}],
       "orders":[{"orderID":1,"x":{"orderId":99}},{"OrderId":"2"}],"ordersForOpen":[{"orderid":9223372036854775807}],
       "entryOrders":null,"stockOrders":[{"orderID":1}],"exitOrders":[{"orderID":5},{}],
       "ordersForCloseMultiple":[{"orderID":6}],
       "mirrors":[{"mirrorID":4,"ordersForOpen":[{"orderID":7}],"ordersForClose":[{"orderID":8}]},{"orders":null}]},
       "more":[1,2]}
      """#)
    #expect(list.orders.map(\.value) == [1, 2, .max])
    #expect(list.notCancellable == NotCancellable(closingOrders: 3, copiedOrders: 2))
    #expect(!list.isTruncated)
  }

  @Test func anEmptyPortfolioHasNoOrders() throws {
    #expect(try list(#"{"clientPortfolio":{}}"#).orders.isEmpty)
  }

  @Test(
    arguments: [
      "", "<html>maintenance</html>", "{}", "[]", #"{"clientPortfolio":null}"#, #"{"clientPortfolio":{"orders":7}}"#,
      #"{"clientPortfolio":{"orders":[{"id":5}]}}"#, #"{"clientPortfolio":{"orders":[{"orderID":0}]}}"#,
      #"{"clientPortfolio":{"orders":[{"orderID":1.5}]}}"#, #"{"clientPortfolio":{"orders":[5]}}"#,
      #"{"clientPortfolio":{"orders":[{"orderID":1}"#,
    ])
  func whatIsNoWholePortfolioIsNeverAnEmptyOne(body: String) {
    #expect(throws: ReadFault.self) { try list(body) }
  }

  @Test func moreOrdersThanAreKeptAreToldToBeLeftOut() throws {
    let orders = (1...OrderList.mostOrders + 1).map { "{\"orderID\":\($0)}" }.joined(separator: ",")
    let list = try list("{\"clientPortfolio\":{\"orders\":[\(orders)]}}")
    #expect(list.orders.count == OrderList.mostOrders && list.isTruncated)
  }

  @Test func listsAnywhereUnderMirrorsBelongToCopiedPortfolios() throws {
    let list = try list(
      #"""
      {"clientPortfolio":{"mirrors":[{"parent":{"orders":[{"orderID":1}],"x":[{"exitOrders":[{},{}]}]},"orders":3},
       {"entryOrders":[{"orderID":2}]}],"orders":[{"orderID":9}]}}
      """#)
    #expect(list.orders.map(\.value) == [9])
    #expect(list.notCancellable == NotCancellable(copiedOrders: 4))
  }

  @Test(arguments: 0..<50) func aPortfolioThatComesInPiecesIsReadAsOneThatComesAtOnce(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &random) }
    func noise() -> String {
      ["null", "7", "\"orders\"", "[{\"orderID\":5}]", "{\"orders\":[{\"orderID\":6}]}", "true", "[]"][below(7)]
    }
    var orders: [Int64] = []
    var (closing, copied) = (0, 0)
    func order(_ id: Int64?) -> String {
      let name = ["orderID", "OrderId", "ORDERID"][below(3)]
      var members = id.map { ["\"\(name)\":" + (below(2) == 0 ? "\($0)" : "\"\($0)\"")] } ?? []
      for _ in 0..<below(3) { members.insert("\"note\\u0041\":\(noise())", at: below(members.count + 1)) }
      return "{\(members.joined(separator: ","))}"
    }
    func array(_ count: Int, _ element: () -> String) -> String {
      "[\((0..<count).map { _ in element() }.joined(separator: " , "))]"
    }
    var members: [String] = []
    for name in ["orders", "OrdersForOpen", "entryOrders", "stockOrders"] where below(4) > 0 {
      members.append(
        "\"\(name)\":"
          + array(below(6)) {
            orders.append(Int64(orders.count + 1))
            return order(orders.last)
          })
    }
    for name in ["ordersForClose", "exitorders"] where below(2) == 0 {
      let count = below(4)
      closing += count
      members.append("\"\(name)\":" + array(count) { order(nil) })
    }
    let mirrors = array(below(3)) {
      let count = below(4)
      copied += count
      return "{\"mirrorID\":3,\"orders\":" + array(count) { order(4) } + "}"
    }
    members.append("\"mirrors\":\(mirrors)")
    members.insert("\"positions\":\(noise())", at: below(members.count + 1))
    let body = Array("{\"a\":\(noise()),\"clientPortfolio\":{\(members.joined(separator: ","))}}".utf8)

    var reader = PortfolioReader()
    var told: [OrderID] = []
    var start = 0
    while start < body.count {
      let end = min(body.count, start + 1 + below(20))
      reader.read(body[start..<end])
      told += reader.takeOrders()
      start = end
    }
    let list = try reader.finish()
    #expect(list.orders.map(\.value) == orders, "\(String(decoding: body, as: UTF8.self))")
    #expect(list.notCancellable == NotCancellable(closingOrders: closing, copiedOrders: copied))
    #expect(told == list.orders, "each order is told once, while the rest is still to come")
    #expect(try PortfolioReader.list(in: body) == list)
    for length in [0, body.count / 2, body.count - 1] {
      #expect(throws: ReadFault.self, "a part is no portfolio") { try PortfolioReader.list(in: Array(body[..<length])) }
    }
  }

  @Test func aStatusIsReadByShape() throws {
    let status = try OrderStatusReader.status(
      in: Array(#"{"OrderId":5,"Status":{"ID":7,"Name":"Canceled","errorCode":null,"ErrorMessage":"x"}}"#.utf8))
    #expect(status == OrderStatus(id: 7, name: "Canceled", errorCode: nil, errorMessage: "x"))
    #expect(throws: ReadFault.self) { try OrderStatusReader.status(in: Array("{}".utf8)) }
  }
}
