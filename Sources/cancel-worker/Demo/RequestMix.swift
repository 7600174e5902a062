import CancelContract

/// A seeded load: new orders, duplicates of earlier ones, kill-switches, orders that the simulated API refuses, and
/// messages that are no requests. The demo sends it, and the tests of whole workers do.
struct RequestMix: Sendable {
  /// The orders that were requested.
  private(set) var orders: Set<Int64> = []
  /// The messages that were made.
  private(set) var produced = 0
  /// Those of them that are no requests.
  private(set) var unreadable = 0
  private var recent: [Int64] = []
  private var random: SeededGenerator
  private let duplicates: Double
  private let garbage: Double
  private let refusals: Double
  private let accounts: [AccountName]
  private let firstBlock: Int64

  private static let garbageTexts = [
    "", "not JSON", "[]", "{\"orderId\":", "{\"orderId\":0}", "{\"orderId\":-5}", "{\"orderId\":1.5}",
    "{\"orderId\":\"12x\"}", "{\"account\":\"desk-1\"}", "{\"orderId\":7,\"priority\":\"soon\"}",
    "{\"orderId\":7,\"account\":\"no-such-desk\"}",
  ]

  /// - Parameters:
  ///   - duplicates: the share of requests for one of the last few hundred orders.
  ///   - garbage: the share of messages that are no requests.
  ///   - refusals: the share of new orders that the simulated API does not know or has filled.
  ///   - accounts: the accounts that hold the orders, by their numbers; none for the worker's default account.
  init(seed: UInt64, duplicates: Double, garbage: Double, refusals: Double = 0, accounts: [AccountName] = []) {
    random = SeededGenerator(seed: seed)
    self.duplicates = duplicates
    self.garbage = garbage
    self.refusals = refusals
    self.accounts = accounts
    firstBlock = Int64.random(in: 13_000...9_000_000, using: &random)
  }

  /// The next message: its key and value.
  mutating func next() -> (key: [UInt8], value: [UInt8]) {
    produced += 1
    let draw = Double.random(in: 0..<1, using: &random)
    if draw < garbage, let text = RequestMix.garbageTexts.randomElement(using: &random) {
      unreadable += 1
      return (Array("garbage-\(produced)".utf8), Array(text.utf8))
    }
    let order: Int64
    if draw < garbage + duplicates, let earlier = recent.randomElement(using: &random) {
      order = earlier
    } else {
      order = newOrder()
    }
    let account = accounts.isEmpty ? "" : ",\"account\":\"\(accounts[Int(order % Int64(accounts.count))])\""
    let priority = Double.random(in: 0..<1, using: &random) < 0.1 ? "killSwitch" : "routine"
    let value = "{\"orderId\":\(order),\"cancelId\":\"c-\(produced)\",\"priority\":\"\(priority)\"\(account)}"
    return (Array("\(order)".utf8), Array(value.utf8))
  }

  /// A number that was not used before. The simulator refuses by the last three digits: 404 is unknown, 400 filled.
  private mutating func newOrder() -> Int64 {
    let draw = Double.random(in: 0..<1, using: &random)
    let ending: Int64 =
      draw < refusals * 0.6 ? 404 : draw < refusals ? 400 : Int64.random(in: 0..<400, using: &random)
    let order = (firstBlock + Int64(orders.count)) * 1000 + ending
    orders.insert(order)
    recent.append(order)
    if recent.count > 500 { recent.removeFirst(250) }
    return order
  }
}

/// A seeded generator, so that a history can be seen again.
struct SeededGenerator: RandomNumberGenerator, Sendable {
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
