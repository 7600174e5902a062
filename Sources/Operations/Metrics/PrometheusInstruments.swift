import CoreMetrics
import Synchronization

/// Values counted by bucket.
///
/// Held in whole units of `1 / scale` (nanoseconds for durations), so that recording is a comparison of integers and the
/// sum is exact. The lock is held for a few instructions, by the recording thread or by a scrape.
final class PrometheusHistogram: TimerHandler, RecorderHandler {
  struct Counts: Equatable {
    /// By bucket, not cumulative; the last is beyond every bound.
    var buckets: [UInt64]
    var sum: Int64
  }

  let bounds: [Double]
  let scale: Double
  private let scaledBounds: [Int64]
  private let counts: Mutex<Counts>

  /// - Parameter scale: how many of the recorded units make one of the exposed ones.
  init(bounds: [Double], scale: Double) {
    self.bounds = bounds
    self.scale = scale
    self.scaledBounds = bounds.map { Int64(($0 * scale).rounded()) }
    self.counts = Mutex(Counts(buckets: Array(repeating: 0, count: bounds.count + 1), sum: 0))
  }

  var value: Counts { counts.withLock { $0 } }

  func recordNanoseconds(_ duration: Int64) {
    add(scale == 1e9 ? duration : Int64(clamping: duration / Int64(1e9 / scale)))
  }

  func record(_ value: Int64) {
    let (scaled, overflow) = value.multipliedReportingOverflow(by: Int64(scale))
    add(overflow ? (value < 0 ? .min : .max) : scaled)
  }

  func record(_ value: Double) {
    let scaled = (value * scale).rounded()
    guard !scaled.isNaN else { return }
    add(scaled >= 0x1p62 ? 1 << 62 : scaled <= -0x1p62 ? -(1 << 62) : Int64(scaled))
  }

  private func add(_ value: Int64) {
    var low = 0
    var high = scaledBounds.count
    while low < high {
      let middle = (low + high) / 2
      if scaledBounds[middle] < value { low = middle + 1 } else { high = middle }
    }
    counts.withLock {
      $0.buckets[low] += 1
      $0.sum = $0.sum.saturatingAdd(value)
    }
  }
}

extension Int64 {
  fileprivate func saturatingAdd(_ other: Int64) -> Int64 {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? (other < 0 ? .min : .max) : sum
  }
}

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
