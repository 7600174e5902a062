import CancelContract

/// A number in a header: decimal digits and, where it is a time, a fraction.
struct HeaderNumber {
  private let milliseconds: Int64
  private let isNegative: Bool

  /// Reads the whole of `value`; `nil` unless it is a number of at most 15 digits.
  init?(_ value: Span<UInt8>) {
    var value = value.extracting(value.trimmedRange)
    guard !value.isEmpty else { return nil }
    isNegative = value[0] == UInt8(ascii: "-")
    if isNegative { value = value.extracting(1...) }
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

  /// Reads text.
  init?(_ text: some StringProtocol) {
    let bytes = Array(text.utf8)
    self.init(bytes.span)
  }

  /// The least of the members of a list (`20, 20;w=60`) without their parameters, read as `part`; those that can't be are
  /// left out.
  static func least<Value: Comparable>(of value: Span<UInt8>, _ part: (HeaderNumber) -> Value?) -> Value? {
    var least: Value?
    forEach(of: value) { number in
      if let found = part(number) { least = min(least ?? found, found) }
    }
    return least
  }

  /// Calls `body` with each number in a list, without its parameters. By place, for every answer has several.
  static func forEach(of list: Span<UInt8>, _ body: (HeaderNumber) -> Void) {
    var start = 0
    while start < list.count {
      var end = start
      while end < list.count, !",;".utf8.contains(list[end]) { end += 1 }
      if let number = HeaderNumber(list.extracting(start..<end)) { body(number) }
      while end < list.count, list[end] != UInt8(ascii: ",") { end += 1 }
      start = end + 1
    }
  }

  /// The number as a count of calls; `nil` below zero, and beyond a thousand million, which nobody means.
  var count: Int? {
    let count = milliseconds / 1000
    return !isNegative && count <= 1_000_000_000 ? Int(count) : nil
  }

  /// The number as a count of calls that are left; below zero, where a server counts on past the limit, it is none.
  var countLeft: Int? { isNegative ? 0 : count }

  /// The number as a time: small ones are seconds from now, large ones the Unix epoch in seconds or milliseconds; `nil`
  /// below zero.
  var time: HeaderTime? {
    if isNegative { return nil }
    return switch milliseconds / 1000 {
    case ..<1_000_000_000: .after(milliseconds: milliseconds)
    case ..<1_000_000_000_000: .at(milliseconds: milliseconds)
    default: .at(milliseconds: milliseconds / 1000)
    }
  }

  /// The number as so many of a unit, in milliseconds; `nil` below zero, and beyond a year, which nobody means.
  func milliseconds(of unit: Int64) -> Int64? {
    !isNegative && milliseconds <= 31_536_000_000 ? milliseconds * unit / 1000 : nil
  }
}

/// A time in a header, from the answer on or by the server's clock; the later of the two where both were told.
struct HeaderTime: Hashable {
  private var millisecondsAfterAnswer: Int64?
  private var millisecondsSinceEpoch: Int64?

  /// So many milliseconds after the answer.
  static func after(milliseconds: Int64) -> HeaderTime { HeaderTime(millisecondsAfterAnswer: milliseconds) }

  /// So many milliseconds after the Unix epoch.
  static func at(milliseconds: Int64) -> HeaderTime { HeaderTime(millisecondsSinceEpoch: milliseconds) }
}

extension HeaderTime {
  /// No wait that a header asks for is longer: a hostile or broken value must not stop an account for good.
  static let longest = Duration.seconds(3600)

  /// Reads a number of seconds, a time with units (`3s`, `250ms`, `1m30s`, `PT3S`), a point in time (the Unix epoch's
  /// seconds or milliseconds, a date of HTTP or RFC 3339), or several of them with commas between, of which the latest
  /// counts.
  init?(_ value: Span<UInt8>) {
    if let time = HeaderNumber(value)?.time {
      self = time
      return
    }
    var result: HeaderTime?
    var parts = value.text.split(separator: ",")[...]
    while let part = parts.popFirst() {
      var time = Self.single(part.trimmingBlanks)
      if time == nil, let next = parts.first, let seconds = HTTPDate.seconds("\(part.trimmingBlanks),\(next)") {
        // the comma was the date's own
        time = .at(milliseconds: seconds * 1000)
        parts.removeFirst()
      }
      guard let time else { continue }
      result = result.map { $0.later(time) } ?? time
    }
    guard let result else { return nil }
    self = result
  }

  private static func single(_ text: Substring) -> HeaderTime? {
    let text = text.trimmingQuotes
    if let time = HeaderNumber(text)?.time { return time }
    if let seconds = HTTPDate.seconds(String(text)) { return .at(milliseconds: seconds * 1000) }
    if let time = Timestamp(rfc3339: String(text)) { return .at(milliseconds: time.microseconds / 1000) }
    return withUnits(text.lowercased().hasPrefix("pt") ? text.dropFirst(2) : text)
  }

  /// Numbers with a unit each.
  private static func withUnits(_ text: Substring) -> HeaderTime? {
    var rest = text
    var sum: Int64 = 0
    while !rest.isEmpty {
      let digits = rest.prefix { $0.isASCII && $0.isNumber || $0 == "." }
      rest = rest[digits.endIndex...].drop { $0 == " " }
      let unit = rest.prefix { $0.isASCII && $0.isLetter }
      rest = rest[unit.endIndex...].drop { $0 == " " }
      guard let number = HeaderNumber(digits), let length = milliseconds(of: unit.lowercased()),
        let part = number.milliseconds(of: length)
      else { return nil }
      sum = min(sum + part, 31_536_000_000)
    }
    return text.isEmpty ? nil : .after(milliseconds: sum)
  }

  private static func milliseconds(of unit: String) -> Int64? {
    switch unit {
    case "ms", "msec", "millisecond", "milliseconds": 1
    case "s", "sec", "secs", "second", "seconds": 1000
    case "m", "min", "mins", "minute", "minutes": 60_000
    case "h", "hr", "hour", "hours": 3_600_000
    case "d", "day", "days": 86_400_000
    default: nil
    }
  }

  /// The time from the answer on, between zero and ``longest``.
  ///
  /// - Parameters:
  ///   - date: The answer's `date` header in seconds since the Unix epoch. Where it is there, the two clocks need not
  ///     agree.
  ///   - now: The time by the worker's clock.
  func fromAnswer(date: Int64?, now: Timestamp) -> Duration {
    let answered = date.map { Timestamp(milliseconds: $0 * 1000) } ?? now
    let wait = max(
      millisecondsAfterAnswer.map { .milliseconds($0) } ?? .zero,
      millisecondsSinceEpoch.map { Timestamp(milliseconds: $0) - answered } ?? .zero)
    return min(Self.longest, wait)
  }

  /// The later of two times.
  func later(_ other: HeaderTime) -> HeaderTime {
    func later(_ part: KeyPath<HeaderTime, Int64?>) -> Int64? {
      [self[keyPath: part], other[keyPath: part]].compactMap(\.self).max()
    }
    return HeaderTime(
      millisecondsAfterAnswer: later(\.millisecondsAfterAnswer),
      millisecondsSinceEpoch: later(\.millisecondsSinceEpoch))
  }
}

/// The dates of HTTP (RFC 9110, section 5.6.7), all three of which a recipient must accept:
/// `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT` and `Sun Nov  6 08:49:37 1994`.
package enum HTTPDate {
  private static let months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
  private static let weekdays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

  /// Seconds since the Unix epoch; `nil` for any other text.
  ///
  /// The weekday must be one, but need not be the date's. Of years with two digits, 70 to 99 are the last century's.
  package static func seconds(_ text: String) -> Int64? {
    guard (24...33).contains(text.utf8.count) else { return nil }
    var parts = text.lowercased().split { " ,-".contains($0) }
    guard let weekday = parts.first, weekdays.contains(String(weekday.prefix(3))) else { return nil }
    parts.removeFirst()
    if parts.count == 4, let month = month(parts[0]) {
      return seconds(day: parts[1], month: month, year: parts[3], time: parts[2])
    }
    guard parts.count == 5, ["gmt", "utc"].contains(parts[4]), let month = month(parts[1]) else { return nil }
    return seconds(day: parts[0], month: month, year: parts[2], time: parts[3])
  }

  /// The same of a header's bytes. The form that servers send is read where it lies: every answer has one.
  static func seconds(_ value: Span<UInt8>) -> Int64? {
    preferredForm(value) ?? seconds(value.text)
  }

  /// Of `Sun, 06 Nov 1994 08:49:37 GMT`; `nil` for anything else, however slightly it differs.
  private static func preferredForm(_ value: Span<UInt8>) -> Int64? {
    guard value.count == 29, value[3] == UInt8(ascii: ","), value[19] == UInt8(ascii: ":"),
      value[22] == UInt8(ascii: ":"), [4, 7, 11, 16, 25].allSatisfy({ value[$0] == UInt8(ascii: " ") }),
      value[26] == UInt8(ascii: "G"), value[27] == UInt8(ascii: "M"), value[28] == UInt8(ascii: "T"),
      weekdays.contains(where: { isName($0, at: 0, of: value) }),
      let month = months.firstIndex(where: { isName($0, at: 8, of: value) }),
      let day = number(value, at: 5, digits: 2), let year = number(value, at: 12, digits: 4),
      let hour = number(value, at: 17, digits: 2),
      let minute = number(value, at: 20, digits: 2),
      let second = number(value, at: 23, digits: 2)
    else { return nil }
    return seconds(CivilDate(year: year, month: Int64(month) + 1, day: day), hour: hour, minute: minute, second: second)
  }

  private static func isName(_ name: String, at index: Int, of value: Span<UInt8>) -> Bool {
    zip(name.utf8, index...).allSatisfy { letter, index in value[index] | 0x20 == letter }
  }

  private static func number(_ value: Span<UInt8>, at index: Int, digits: Int) -> Int64? {
    var number: Int64 = 0
    for index in index..<index + digits {
      guard let digit = value[index].decimalDigit else { return nil }
      number = number * 10 + Int64(digit)
    }
    return number
  }

  private static func month(_ name: Substring) -> Int64? {
    months.firstIndex { name == $0 }.map { Int64($0) + 1 }
  }

  private static func seconds(day: Substring, month: Int64, year: Substring, time: Substring) -> Int64? {
    let clock = time.split(separator: ":", omittingEmptySubsequences: false)
    guard let day = number(day, digits: 1...2), let year = number(year, digits: 2...4),
      clock.count == 3, let hour = number(clock[0], digits: 2...2),
      let minute = number(clock[1], digits: 2...2),
      let second = number(clock[2], digits: 2...2)
    else { return nil }
    let fullYear = year < 70 ? year + 2000 : year < 100 ? year + 1900 : year
    return seconds(CivilDate(year: fullYear, month: month, day: day), hour: hour, minute: minute, second: second)
  }

  private static func seconds(_ date: CivilDate, hour: Int64, minute: Int64, second: Int64) -> Int64? {
    guard date.year >= 1970, date.isValid, hour < 24, minute < 60, second <= 60 else { return nil }
    return date.daysSinceEpoch * 86_400 + hour * 3600 + minute * 60 + second
  }

  private static func number(_ text: Substring, digits: ClosedRange<Int>) -> Int64? {
    guard digits.contains(text.utf8.count), text.utf8.allSatisfy({ $0.decimalDigit != nil }) else { return nil }
    return Int64(text)
  }
}

/// The `location` header of a redirect, of which only the host is ever shown: the rest may carry what it likes.
enum RedirectLocation {
  /// The host in `location`; `nil` where there is none (a relative reference) or it has odd characters.
  static func host(_ location: Span<UInt8>) -> String? {
    guard let slash = location.firstIndex(of: UInt8(ascii: "/")), slash + 1 < location.count,
      location[slash + 1] == UInt8(ascii: "/")
    else { return nil }
    var start = slash + 2
    var end = start
    while end < location.count, !"/?#".utf8.contains(location[end]) {
      if location[end] == UInt8(ascii: "@") { start = end + 1 }
      end += 1
    }
    guard start < end, end - start <= 253 else { return nil }
    var host = ""
    for index in start..<end {
      switch location[index] {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: ":"),
        UInt8(ascii: "["), UInt8(ascii: "]"):
        host.unicodeScalars.append(Unicode.Scalar(location[index]))
      default:
        return nil
      }
    }
    return host
  }
}

extension Span<UInt8> {
  /// Whether these bytes spell `name`, which is in lower case, in any case.
  func isCaseInsensitivelyEqual(to name: StaticString) -> Bool {
    count == name.utf8CodeUnitCount && hasCaseInsensitivePrefix(name)
  }

  /// Whether these bytes begin with `name`, which is in lower case, in any case.
  func hasCaseInsensitivePrefix(_ name: StaticString) -> Bool {
    guard count >= name.utf8CodeUnitCount else { return false }
    return name.withUTF8Buffer { name in
      withUnsafeBufferPointer { bytes in
        for index in 0..<name.count {
          let byte = bytes[index]
          if byte != name[index], byte | 0x20 != name[index] || byte &- 0x41 > 25 { return false }
        }
        return true
      }
    }
  }

  /// The place of the first such byte.
  func firstIndex(of byte: UInt8) -> Int? {
    for index in indices where self[index] == byte { return index }
    return nil
  }

  /// Where these bytes stand without the spaces and tabs around them.
  var trimmedRange: Range<Int> {
    var start = 0
    var end = count
    while start < end, self[start] == 0x20 || self[start] == 0x09 { start += 1 }
    while end > start, self[end - 1] == 0x20 || self[end - 1] == 0x09 { end -= 1 }
    return start..<end
  }

  /// These bytes as text, without the spaces and tabs around them.
  var text: String {
    let trimmed = extracting(trimmedRange)
    return trimmed.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
  }
}

extension Substring {
  /// The text without the spaces and tabs around it.
  var trimmingBlanks: Substring {
    var text = self
    while text.first == " " || text.first == "\t" { text.removeFirst() }
    while text.last == " " || text.last == "\t" { text.removeLast() }
    return text
  }

  /// The text without the quotes around it.
  var trimmingQuotes: Substring {
    var text = self
    if text.first == "\"" { text.removeFirst() }
    if text.last == "\"" { text.removeLast() }
    return text
  }
}

extension UInt8 {
  /// The value of an ASCII decimal digit.
  var decimalDigit: Int64? {
    self >= 0x30 && self <= 0x39 ? Int64(self - 0x30) : nil
  }

  /// The value of an ASCII hexadecimal digit.
  var hexadecimalDigit: UInt8? {
    switch self {
    case 0x30...0x39: self - 0x30
    case 0x41...0x46: self - 0x41 + 10
    case 0x61...0x66: self - 0x61 + 10
    default: nil
    }
  }
}
