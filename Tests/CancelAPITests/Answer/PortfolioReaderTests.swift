import CancelContract
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

  @Test func aStatusIsReadByShape() throws {
    let status = try OrderStatusReader.status(
      in: Array(#"{"OrderId":5,"Status":{"ID":7,"Name":"Canceled","errorCode":null,"ErrorMessage":"x"}}"#.utf8))
    #expect(status == OrderStatus(id: 7, name: "Canceled", errorCode: nil, errorMessage: "x"))
    #expect(throws: ReadFault.self) { try OrderStatusReader.status(in: Array("{}".utf8)) }
  }
}
