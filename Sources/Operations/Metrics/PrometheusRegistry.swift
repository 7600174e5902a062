import CoreMetrics
import Synchronization

/// A backend of swift-metrics that Prometheus reads: every instrument by name and labels.
///
/// Metrics that are declared have their help, unit and buckets from the declaration; any other that a library records is
/// taken with its name made fit. Series are bounded: beyond `maxSeries` of one metric, and under a name that already
/// stands for another kind, instruments work but are not exposed.
public final class PrometheusRegistry: Sendable {
  /// One metric and its series.
  struct Family {
    var description: MetricDescription
    var series: [Labels: any AnyObject & Sendable] = [:]
  }

  /// A series' labels, as the text between the braces.
  typealias Labels = String

  private let families: Mutex<[String: Family]>
  private let maxSeries: Int

  /// A registry that knows these metrics.
  ///
  /// - Parameter maxSeries: the most series of one metric.
  public init(_ descriptions: [MetricDescription], maxSeries: Int = 2000) {
    self.maxSeries = maxSeries
    self.families = Mutex(
      Dictionary(descriptions.map { ($0.name, Family(description: $0)) }, uniquingKeysWith: { $1 }))
  }

  /// Every metric that has a series, by name.
  var snapshot: [Family] {
    families.withLock { $0.values.filter { !$0.series.isEmpty } }
      .sorted { $0.description.name < $1.description.name }
  }

  /// The instrument of that name and those labels, made where there is none.
  func instrument<Instrument: AnyObject & Sendable>(
    _ description: MetricDescription, _ dimensions: [(String, String)],
    make: (MetricDescription) -> Instrument
  ) -> Instrument {
    let labels = LabelText.of(dimensions)
    return families.withLock { families in
      var family = families[description.name] ?? Family(description: description)
      guard family.description.kind == description.kind else { return make(description) }
      if let standing = family.series[labels] { return standing as? Instrument ?? make(description) }
      let instrument = make(family.description)
      guard family.series.count < maxSeries else { return instrument }
      family.series[labels] = instrument
      families[description.name] = family
      return instrument
    }
  }

  /// What is known of a metric under that name; `nil` where it was not declared.
  func description(_ name: String) -> MetricDescription? {
    families.withLock { $0[name]?.description }
  }

  /// Takes the instrument's series away.
  func remove(_ instrument: AnyObject) {
    families.withLock { families in
      for (name, family) in families {
        guard let labels = family.series.first(where: { $0.value === instrument })?.key else { continue }
        families[name]?.series[labels] = nil
        return
      }
    }
  }
}

extension PrometheusRegistry: MetricsFactory {
  /// A counter; `_total` is added to a label without it.
  public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
    instrument(describe(label, .counter), dimensions) { _ in PrometheusCounter() }
  }

  /// A counter of fractions; `_total` is added to a label without it.
  public func makeFloatingPointCounter(
    label: String, dimensions: [(String, String)]
  ) -> any FloatingPointCounterHandler {
    instrument(describe(label, .counter), dimensions) { _ in PrometheusFloatingPointCounter() }
  }

  /// A gauge.
  public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
    instrument(describe(label, .gauge), dimensions) { _ in PrometheusGauge() }
  }

  /// A histogram where values are aggregated, else a gauge.
  public func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
    guard aggregate else {
      return instrument(describe(label, .gauge), dimensions) { _ in PrometheusGauge() }
    }
    return instrument(describe(label, .histogram), dimensions) {
      PrometheusHistogram(bounds: $0.buckets, scale: $0.unit == "seconds" ? 1e9 : 1000)
    }
  }

  /// A histogram in seconds; `_seconds` is added to a label without it.
  public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
    instrument(describe(label, .histogram, unit: "seconds"), dimensions) {
      PrometheusHistogram(bounds: $0.buckets, scale: 1e9)
    }
  }

  /// Takes the series away.
  public func destroyCounter(_ handler: any CounterHandler) { remove(handler) }
  /// Takes the series away.
  public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) { remove(handler) }
  /// Takes the series away.
  public func destroyMeter(_ handler: any MeterHandler) { remove(handler) }
  /// Takes the series away.
  public func destroyRecorder(_ handler: any RecorderHandler) { remove(handler) }
  /// Takes the series away.
  public func destroyTimer(_ handler: any TimerHandler) { remove(handler) }

  /// The declaration, or one made from the label.
  private func describe(_ label: String, _ kind: MetricDescription.Kind, unit: String? = nil) -> MetricDescription {
    var name = LabelText.metricName(label)
    if let unit, !name.hasSuffix("_\(unit)") { name += "_\(unit)" }
    if kind == .counter, !name.hasSuffix("_total") { name += "_total" }
    if var declared = description(name) {
      declared.kind = kind
      return declared
    }
    return MetricDescription(
      name, "Recorded by a library as \(label).", kind: kind, unit: unit,
      buckets: unit == "seconds" ? MetricDescription.latencyBuckets : MetricDescription.countBuckets)
  }
}

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
