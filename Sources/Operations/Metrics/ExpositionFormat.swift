/// The text formats in which metrics are read.
public enum ExpositionFormat: Sendable {
  /// Prometheus text format 0.0.4.
  case text
  /// OpenMetrics 1.0.
  case openMetrics

  /// The `content-type` of an answer.
  public var contentType: String {
    switch self {
    case .text: "text/plain; version=0.0.4; charset=utf-8"
    case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
    }
  }

  /// The format that an `accept` header asks for: OpenMetrics where it is named with no less weight than plain text.
  public init(accept: String?) {
    var openMetrics = 0.0
    var text = 0.0
    for range in (accept ?? "").prefix(4096).split(separator: ",") {
      let parts = range.split(separator: ";").map(Self.trimmed)
      guard let type = parts.first?.lowercased() else { continue }
      var weight = 1.0
      var version: String?
      for parameter in parts.dropFirst() {
        let pair = parameter.split(separator: "=", maxSplits: 1)
        guard pair.count == 2, let name = pair.first, let value = pair.last else { continue }
        switch Self.trimmed(name).lowercased() {
        case "q": weight = Double(Self.trimmed(value)).map { min(max($0, 0), 1) } ?? 0
        case "version": version = Self.trimmed(value)
        default: break
        }
      }
      switch type {
      case "application/openmetrics-text":
        guard version == nil || version == "1.0.0" || version == "0.0.1" else { continue }
        openMetrics = max(openMetrics, weight)
      case "text/plain", "text/*", "*/*": text = max(text, weight)
      default: break
      }
    }
    self = openMetrics > 0 && openMetrics >= text ? .openMetrics : .text
  }

  private static func trimmed(_ text: some StringProtocol) -> String {
    var rest = Substring(text)
    while let first = rest.first, first == " " || first == "\t" { rest.removeFirst() }
    while let last = rest.last, last == " " || last == "\t" || last == "\"" { rest.removeLast() }
    if rest.first == "\"" { rest.removeFirst() }
    return String(rest)
  }
}

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

/// How names and labels are written for Prometheus.
enum LabelText {
  /// `a="x",b="y"` in the order of the names; values are escaped and cut to 128 characters.
  static func of(_ dimensions: [(String, String)]) -> String {
    dimensions
      .sorted { $0.0 < $1.0 }
      .map { "\(labelName($0.0))=\"\(escaped(String($0.1.prefix(128))))\"" }
      .joined(separator: ",")
  }

  /// A label's value with `\`, `"` and line feed escaped; other control characters become U+FFFD.
  static func escaped(_ value: String) -> String {
    escaped(value, quotes: true)
  }

  /// A help text: in OpenMetrics `"` is escaped as well.
  static func escaped(_ text: String, quotes: Bool) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": escaped += "\\\\"
      case "\n": escaped += "\\n"
      case "\"" where quotes: escaped += "\\\""
      case _ where scalar.value < 0x20 || scalar.value == 0x7F: escaped += "\u{FFFD}"
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }

  /// Letters, digits, `_` and `:`; anything else becomes `_`.
  static func metricName(_ label: String) -> String {
    fit(label) { $0 == UInt8(ascii: ":") }
  }

  /// Letters, digits and `_`; anything else becomes `_`.
  static func labelName(_ name: String) -> String {
    fit(name) { _ in false }
  }

  private static func fit(_ text: String, alsoAllowed: (UInt8) -> Bool) -> String {
    var bytes: [UInt8] = text.utf8.map { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        byte
      default: alsoAllowed(byte) ? byte : UInt8(ascii: "_")
      }
    }
    if bytes.first.map({ (0x30...0x39).contains($0) }) ?? true { bytes.insert(UInt8(ascii: "_"), at: 0) }
    return String(decoding: bytes, as: UTF8.self)
  }
}
