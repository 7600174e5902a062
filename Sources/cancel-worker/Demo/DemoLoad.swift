import CancelContract
import Foundation
import Kafka

/// A seeded load: new orders, duplicates, kill-switches, orders that the API refuses, and messages that are no requests.
struct DemoLoad {
  /// One message.
  struct Message: Sendable {
    var key: [UInt8]
    var value: [UInt8]
  }

  private(set) var orders: Set<Int64> = []
  private var known: [Int64] = []
  private var random: DemoRandom
  private let duplicates: Double
  private let accounts: [AccountName]
  private static let unreadable = [
    "", "not JSON", "[]", "{\"orderId\":0}", "{\"orderId\":-5}", "{\"orderId\":1.5}", "{\"orderId\":\"12x\"}",
    "{\"account\":\"desk-1\"}", "{\"orderId\":7,\"priority\":\"soon\"}", "{\"orderId\":7,\"account\":\"no-such-desk\"}",
  ]

  init(seed: UInt64, duplicates: Double, accounts: [AccountName]) {
    random = DemoRandom(seed: seed)
    self.duplicates = duplicates
    self.accounts = accounts
  }

  mutating func next() -> Message {
    let draw = Double.random(in: 0..<1, using: &random)
    if draw < 0.02, let text = DemoLoad.unreadable.randomElement(using: &random) {
      return Message(key: Array("bad".utf8), value: Array(text.utf8))
    }
    let order: Int64
    if draw < 0.02 + duplicates, let earlier = known.randomElement(using: &random) {
      order = earlier
    } else {
      order = newOrder()
    }
    let account = accounts[Int(order % Int64(accounts.count))]
    let priority = Double.random(in: 0..<1, using: &random) < 0.1 ? "killSwitch" : "routine"
    let value = "{\"orderId\":\(order),\"account\":\"\(account)\",\"priority\":\"\(priority)\"}"
    return Message(key: Array("\(order)".utf8), value: Array(value.utf8))
  }

  /// A number that was not used before; one in twenty is of an order that the API doesn't know or has filled.
  private mutating func newOrder() -> Int64 {
    let draw = Double.random(in: 0..<1, using: &random)
    let base = 13_000 + Int64(orders.count)
    let ending: Int64 = draw < 0.03 ? 404 : draw < 0.05 ? 400 : Int64.random(in: 0..<400, using: &random)
    let order = base * 1000 + ending
    orders.insert(order)
    known.append(order)
    return order
  }
}

/// A seeded generator, so that a demo can be seen again.
struct DemoRandom: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) {
    state = seed
  }

  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    let mixed = (state ^ (state >> 33)) &* 0xFF51_AFD7_ED55_8CCD
    return mixed ^ (mixed >> 33)
  }
}
