import CancelContract

/// A number in a header: decimal digits and, where it is a time, a fraction.
struct HeaderNumber {
  private let milliseconds: Int64

  /// Reads the whole of `value`; `nil` unless it is a number of at most 15 digits, not negative.
  init?(_ value: Span<UInt8>) {
    let value = value.extracting(value.trimmedRange)
    guard !value.isEmpty else { return nil }
    var whole: Int64 = 0
    var index = 0
    while index < value.count, let digit = value[index].decimalDigit {
      guard index < 15 else { return nil }
      whole = whole * 10 + digit
      index += 1
    }
    guard index > 0 else { return nil }
    var thousandths: Int64 = 0
    if index < value.count {
      guard value[index] == UInt8(ascii: "."), index + 1 < value.count else { return nil }
      index += 1
      var weight: Int64 = 100
      while index < value.count {
        guard let digit = value[index].decimalDigit else { return nil }
        thousandths += digit * weight
        weight /= 10
        index += 1
      }
    }
    milliseconds = whole * 1000 + thousandths
  }

  /// Reads what stands before the first `,` or `;` (`20, 20;w=60`).
  init?(leading value: Span<UInt8>) {
    var end = 0
    while end < value.count, !",;".utf8.contains(value[end]) { end += 1 }
    self.init(value.extracting(0..<end))
  }

  /// The number as a count of calls; `nil` beyond a thousand million, which nobody means.
  var count: Int? {
    let count = milliseconds / 1000
    return count <= 1_000_000_000 ? Int(count) : nil
  }

  /// The number as a time: small ones are seconds from now, large ones the Unix epoch in seconds or milliseconds.
  var time: HeaderTime {
    switch milliseconds / 1000 {
    case ..<1_000_000_000: .after(milliseconds: milliseconds)
    case ..<1_000_000_000_000: .at(milliseconds: milliseconds)
    default: .at(milliseconds: milliseconds / 1000)
    }
  }
}

/// A time in a header, from the answer on or by the server's clock.
enum HeaderTime: Hashable {
  /// So many milliseconds after the answer.
  case after(milliseconds: Int64)
  /// So many milliseconds after the Unix epoch.
  case at(milliseconds: Int64)

  /// No wait that a header asks for is longer: a hostile or broken value must not stop an account for good.
  static let longest = Duration.seconds(3600)

  /// The time from the answer on, between zero and ``longest``.
  ///
  /// - Parameters:
  ///   - date: The answer's `date` header in seconds since the Unix epoch. Where it is there, the two clocks need not
  ///     agree.
  ///   - now: The time by the worker's clock.
  func fromAnswer(date: Int64?, now: Timestamp) -> Duration {
    let wait: Duration
    switch self {
    case .after(let milliseconds):
      wait = .milliseconds(milliseconds)
    case .at(let milliseconds):
      let answered = date.map { Timestamp(milliseconds: $0 * 1000) } ?? now
      wait = Timestamp(milliseconds: milliseconds) - answered
    }
    return max(.zero, min(Self.longest, wait))
  }

  /// The longer of two waits of one kind; of two kinds, this one.
  func later(_ other: HeaderTime) -> HeaderTime {
    switch (self, other) {
    case (.after(let left), .after(let right)): .after(milliseconds: max(left, right))
    case (.at(let left), .at(let right)): .at(milliseconds: max(left, right))
    case (.after, .at), (.at, .after): self
    }
  }
}
