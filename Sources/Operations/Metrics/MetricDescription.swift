/// What a metric means: what stands in its `HELP`, `TYPE` and `UNIT` lines, and how its values are counted.
public struct MetricDescription: Sendable {
  /// How values add up.
  public enum Kind: String, Sendable {
    /// Only grows.
    case counter
    /// Goes up and down.
    case gauge
    /// Values counted by the bucket into which they fall.
    case histogram
  }

  /// The name as Prometheus writes it, with its unit and, for a counter, `_total`.
  public var name: String
  /// One sentence for people.
  public var help: String
  /// How values add up.
  public var kind: Kind
  /// The base unit, which the name ends with (before `_total`); `nil` for plain numbers.
  public var unit: String?
  /// A histogram's upper bounds, growing, without infinity: seconds where `unit` is `seconds`, else plain numbers.
  public var buckets: [Double]

  /// A metric of that name.
  public init(
    _ name: String, _ help: String, kind: Kind, unit: String? = nil, buckets: [Double] = []
  ) {
    self.name = name
    self.help = help
    self.kind = kind
    self.unit = unit
    self.buckets = buckets
  }

  /// The name of OpenMetrics' metric family: a counter's is without `_total`.
  var openMetricsName: String {
    kind == .counter && name.hasSuffix("_total") ? String(name.dropLast("_total".count)) : name
  }
}

extension MetricDescription {
  /// From 0.5 ms, a call that stays within a machine room, to the ten minutes that a routine request may wait.
  public static let latencyBuckets: [Double] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600,
  ]

  /// How many records or attempts.
  public static let countBuckets: [Double] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000]
}
