extension Duration {
  /// The duration that a configured text names: a whole number and one of the units `ms`, `s`, `m`, `h`, `d`.
  ///
  /// Returns `nil` for anything else, and for more than a hundred years.
  public init?(configured text: String) {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    guard let number = Int64(digits), number <= 4_000_000_000_000 else { return nil }
    let milliseconds: Int64
    switch text.dropFirst(digits.count) {
    case "ms": milliseconds = 1
    case "s": milliseconds = 1000
    case "m": milliseconds = 60_000
    case "h": milliseconds = 3_600_000
    case "d": milliseconds = 86_400_000
    default: return nil
    }
    let (product, overflow) = number.multipliedReportingOverflow(by: milliseconds)
    guard !overflow, product <= 3_155_760_000_000 else { return nil }
    self = .milliseconds(product)
  }
}
