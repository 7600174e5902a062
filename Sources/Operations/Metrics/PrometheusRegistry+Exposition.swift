extension PrometheusRegistry {
  /// Every metric as text, in the order of their names.
  public func exposition(_ format: ExpositionFormat) -> String {
    var text = ""
    text.reserveCapacity(32 * 1024)
    for family in snapshot { write(family, format, to: &text) }
    if format == .openMetrics { text += "# EOF\n" }
    return text
  }

  private func write(_ family: Family, _ format: ExpositionFormat, to text: inout String) {
    let description = family.description
    let name = description.name
    let familyName = format == .openMetrics ? description.openMetricsName : name
    text += "# HELP \(familyName) "
    text += LabelText.escaped(description.help, quotes: format == .openMetrics)
    text += "\n# TYPE \(familyName) \(description.kind.rawValue)\n"
    if format == .openMetrics, let unit = description.unit { text += "# UNIT \(familyName) \(unit)\n" }
    for (labels, instrument) in family.series.sorted(by: { $0.key < $1.key }) {
      switch instrument {
      case let counter as PrometheusCounter: sample(name, labels, String(counter.value), to: &text)
      case let counter as PrometheusFloatingPointCounter: sample(name, labels, number(counter.value), to: &text)
      case let gauge as PrometheusGauge: sample(name, labels, number(gauge.value), to: &text)
      case let histogram as PrometheusHistogram: write(histogram, name, labels, to: &text)
      default: preconditionFailure("Every instrument of the registry is of a kind that it made.")
      }
    }
  }

  private func write(_ histogram: PrometheusHistogram, _ name: String, _ labels: Labels, to text: inout String) {
    let counts = histogram.value
    var total: UInt64 = 0
    let prefix = labels.isEmpty ? "" : labels + ","
    for (index, count) in counts.buckets.enumerated() {
      total += count
      let bound = index < histogram.bounds.count ? number(histogram.bounds[index]) : "+Inf"
      sample("\(name)_bucket", "\(prefix)le=\"\(bound)\"", String(total), to: &text)
    }
    sample("\(name)_sum", labels, number(Double(counts.sum) / histogram.scale), to: &text)
    sample("\(name)_count", labels, String(total), to: &text)
  }

  private func sample(_ name: String, _ labels: Labels, _ value: String, to text: inout String) {
    text += name
    if !labels.isEmpty { text += "{\(labels)}" }
    text += " \(value)\n"
  }

  private func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
    return value.description
  }
}
