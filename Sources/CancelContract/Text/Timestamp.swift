/// A point in time: microseconds since 1970-01-01T00:00:00Z.
///
/// Kafka stamps records in milliseconds; the worker measures its own stages in microseconds.
public struct Timestamp: Hashable, Comparable, Sendable {
  /// Microseconds since the Unix epoch.
  public var microseconds: Int64

  /// The point `microseconds` after the Unix epoch.
  @inlinable
  public init(microseconds: Int64) {
    self.microseconds = microseconds
  }

  /// The point `milliseconds` after the Unix epoch; saturates at the ends of the range.
  @inlinable
  public init(milliseconds: Int64) {
    let (product, overflow) = milliseconds.multipliedReportingOverflow(by: 1000)
    self.microseconds = overflow ? (milliseconds < 0 ? .min : .max) : product
  }

  /// Later than any other.
  public static let distantFuture = Timestamp(microseconds: .max)

  /// Earlier than any other.
  public static let distantPast = Timestamp(microseconds: .min)

  /// Whether the left point comes first.
  @inlinable
  public static func < (left: Timestamp, right: Timestamp) -> Bool {
    left.microseconds < right.microseconds
  }

  /// The point `duration` after `timestamp`; saturates at the ends of the range.
  @inlinable
  public static func + (timestamp: Timestamp, duration: Duration) -> Timestamp {
    let (sum, overflow) = timestamp.microseconds.addingReportingOverflow(duration.microseconds)
    return Timestamp(microseconds: overflow ? (duration < .zero ? .min : .max) : sum)
  }

  /// The point `duration` before `timestamp`; saturates at the ends of the range.
  @inlinable
  public static func - (timestamp: Timestamp, duration: Duration) -> Timestamp {
    timestamp + (.zero - duration)
  }

  /// The time from `earlier` to `later`.
  @inlinable
  public static func - (later: Timestamp, earlier: Timestamp) -> Duration {
    let (difference, overflow) = later.microseconds.subtractingReportingOverflow(earlier.microseconds)
    return .microseconds(overflow ? (later < earlier ? .min : .max) : difference)
  }
}

extension Duration {
  /// The whole microseconds in this duration; saturates at the ends of the range.
  @inlinable
  public var microseconds: Int64 {
    let (seconds, attoseconds) = components
    let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
    guard !overflow else { return seconds < 0 ? .min : .max }
    return scaled + attoseconds / 1_000_000_000_000
  }
}
