/// What a response's head says of its body's end and the connection's future (RFC 9112, sections 6 and 9).
struct HTTP1Framing {
  /// Where the body ends.
  enum Body: Equatable {
    /// There is none.
    case none
    /// After so many bytes.
    case length(Int)
    /// After the last chunk.
    case chunked
    /// When the connection closes.
    case untilClose
    /// The head contradicts itself or uses what was not asked for, so nobody can tell.
    case unreadable
  }

  /// Whether the connection may carry another call, as far as the head says.
  private(set) var isKeptAlive = true
  /// How long the server keeps an idle connection, in seconds.
  private(set) var idleLimit: Int?

  private var length: Int?
  private var isChunked = false
  private var isContradictory = false

  /// Takes `HTTP/1.1 200 OK` and returns the status code; `nil` where the line is no such thing.
  mutating func takeStatusLine(_ line: Span<UInt8>) -> Int? {
    guard line.count >= 12, line.extracting(0..<7).isCaseInsensitivelyEqual(to: "http/1."),
      line[0] == UInt8(ascii: "H"), line[8] == 0x20,
      let hundreds = line[9].decimalDigit, let tens = line[10].decimalDigit, let ones = line[11].decimalDigit,
      line.count == 12 || line[12] == 0x20
    else { return nil }
    switch line[7] {
    case UInt8(ascii: "1"): break
    case UInt8(ascii: "0"): isKeptAlive = false
    default: return nil
    }
    let status = Int(hundreds * 100 + tens * 10 + ones)
    return status >= 100 ? status : nil
  }

  /// Takes one header.
  mutating func take(name: Span<UInt8>, value: Span<UInt8>) {
    switch name.count {
    case 10 where name.isCaseInsensitivelyEqual(to: "connection"):
      if Self.hasToken("close", in: value) { isKeptAlive = false }
    case 10 where name.isCaseInsensitivelyEqual(to: "keep-alive"):
      takeKeepAlive(value)
    case 14 where name.isCaseInsensitivelyEqual(to: "content-length"):
      takeLength(value)
    case 17 where name.isCaseInsensitivelyEqual(to: "transfer-encoding"):
      if isChunked || !value.isCaseInsensitivelyEqual(to: "chunked") { isContradictory = true }
      isChunked = true
    default:
      break
    }
  }

  /// Where the body of a final response with this status ends.
  mutating func body(status: Int) -> Body {
    if status == 204 || status == 304 {
      return .none
    }
    if isContradictory || isChunked && length != nil {
      isKeptAlive = false
      return .unreadable
    }
    if isChunked { return .chunked }
    if let length { return length == 0 ? .none : .length(length) }
    isKeptAlive = false
    return .untilClose
  }

  private mutating func takeLength(_ value: Span<UInt8>) {
    var number = 0
    guard (1...15).contains(value.count) else {
      isContradictory = true
      return
    }
    for index in value.indices {
      guard let digit = value[index].decimalDigit else {
        isContradictory = true
        return
      }
      number = number * 10 + Int(digit)
    }
    if let length, length != number { isContradictory = true }
    length = number
  }

  /// `timeout=5, max=100`
  private mutating func takeKeepAlive(_ value: Span<UInt8>) {
    var start = 0
    while start < value.count {
      var end = start
      while end < value.count, value[end] != UInt8(ascii: ",") { end += 1 }
      let part = value.extracting(start..<end)
      if let equals = part.firstIndex(of: UInt8(ascii: "=")) {
        let name = part.extracting(0..<equals)
        if name.extracting(name.trimmedRange).isCaseInsensitivelyEqual(to: "timeout") {
          idleLimit = HeaderNumber(part.extracting((equals + 1)..<part.count))?.count
        }
      }
      start = end + 1
    }
  }

  private static func hasToken(_ token: StaticString, in list: Span<UInt8>) -> Bool {
    var start = 0
    while start < list.count {
      var end = start
      while end < list.count, list[end] != UInt8(ascii: ",") { end += 1 }
      let part = list.extracting(start..<end)
      if part.extracting(part.trimmedRange).isCaseInsensitivelyEqual(to: token) { return true }
      start = end + 1
    }
    return false
  }

  /// The size in a chunk's first line, extensions ignored; `nil` where there is none.
  static func chunkSize(_ line: Span<UInt8>) -> Int? {
    var size = 0
    var index = 0
    while index < line.count, let digit = line[index].hexadecimalDigit {
      guard index < 8 else { return nil }
      size = size << 4 | Int(digit)
      index += 1
    }
    guard index > 0 else { return nil }
    if index < line.count {
      guard line[index] == UInt8(ascii: ";") || line[index] == 0x20 || line[index] == 0x09 else { return nil }
    }
    return size
  }

  /// Where a header line's name ends; `nil` where the line has no proper name and colon.
  static func nameEnd(_ line: Span<UInt8>) -> Int? {
    for index in line.indices {
      switch line[index] {
      case UInt8(ascii: ":"): return index > 0 ? index : nil
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "!"),
        UInt8(ascii: "#")...UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "."),
        UInt8(ascii: "^"), UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "~"):
        continue
      default: return nil
      }
    }
    return nil
  }
}
