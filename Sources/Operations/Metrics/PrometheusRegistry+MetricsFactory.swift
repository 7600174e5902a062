import CoreMetrics

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
