import CoreMetrics
import Synchronization

/// A whole number that only grows.
final class PrometheusCounter: CounterHandler {
  private let count = Atomic<Int64>(0)

  var value: Int64 { count.load(ordering: .relaxed) }

  func increment(by amount: Int64) {
    guard amount > 0 else { return }
    count.wrappingAdd(amount, ordering: .relaxed)
  }

  func reset() {
    count.store(0, ordering: .relaxed)
  }
}

/// A number that only grows.
final class PrometheusFloatingPointCounter: FloatingPointCounterHandler {
  private let sum = AtomicDouble()

  var value: Double { sum.value }

  func increment(by amount: Double) {
    guard amount > 0, amount.isFinite else { return }
    sum.add(amount)
  }

  func reset() {
    sum.value = 0
  }
}
