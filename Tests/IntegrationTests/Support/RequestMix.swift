import CancelContract
import Foundation
import Kafka

/// A load of requests: new orders, duplicates of earlier ones, and messages that are no requests.
struct RequestMix {
  private(set) var orders: Set<Int64> = []
  private(set) var produced = 0
  private(set) var unreadable = 0
  private var recent: [Int64] = []
  private var nextOrder: Int64
  private var random: SeededGenerator
  private let duplicates: Double
  private let garbage: Double

  init(seed: UInt64, duplicates: Double, garbage: Double) {
    random = SeededGenerator(seed: seed)
    self.duplicates = duplicates
    self.garbage = garbage
    // Away from the simulator's numbers for unknown and filled orders: the last three digits are kept low.
    nextOrder = Int64.random(in: 1_000...9_000, using: &random) * 1_000_000
  }

  /// The next message: its key and value.
  mutating func next() -> (key: [UInt8], value: [UInt8]) {
    produced += 1
    let draw = Double.random(in: 0..<1, using: &random)
    if draw < garbage {
      unreadable += 1
      return (Array("garbage-\(produced)".utf8), Array("{\"orderId\":".utf8))
    }
    let order: Int64
    if draw < garbage + duplicates, let earlier = recent.randomElement(using: &random) {
      order = earlier
    } else {
      nextOrder += 1
      if nextOrder % 1000 >= 300 { nextOrder += 1000 - nextOrder % 1000 }
      order = nextOrder
      orders.insert(order)
      recent.append(order)
      if recent.count > 500 { recent.removeFirst(250) }
    }
    let priority = Double.random(in: 0..<1, using: &random) < 0.1 ? "killSwitch" : "routine"
    let value = "{\"orderId\":\(order),\"cancelId\":\"c-\(produced)\",\"priority\":\"\(priority)\"}"
    return (Array("\(order)".utf8), Array(value.utf8))
  }
}
