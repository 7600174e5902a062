import CoreMetrics
import Synchronization

/// A number that goes up and down.
final class PrometheusGauge: MeterHandler, RecorderHandler {
  private let current = AtomicDouble()

  var value: Double { current.value }

  func set(_ value: Int64) { current.value = Double(value) }
  func set(_ value: Double) { current.value = value }
  func increment(by amount: Double) { current.add(amount) }
  func decrement(by amount: Double) { current.add(-amount) }
  func record(_ value: Int64) { set(value) }
  func record(_ value: Double) { set(value) }
}

/// A double that threads share.
struct AtomicDouble: ~Copyable, Sendable {
  private let bits = Atomic<UInt64>(0)

  var value: Double {
    get { Double(bitPattern: bits.load(ordering: .relaxed)) }
    nonmutating set { bits.store(newValue.bitPattern, ordering: .relaxed) }
  }

  borrowing func add(_ amount: Double) {
    var old = bits.load(ordering: .relaxed)
    while true {
      let sum = Double(bitPattern: old) + amount
      let (exchanged, original) = bits.compareExchange(
        expected: old, desired: sum.bitPattern, ordering: .relaxed)
      if exchanged { return }
      old = original
    }
  }
}
