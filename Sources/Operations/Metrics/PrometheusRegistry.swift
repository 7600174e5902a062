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
