import CancelContract
import CancelCore
import Foundation

/// Random parts of events, all of them valid.
enum RandomValues {
  private static let scalars: [Unicode.Scalar] = Array(
    "aZ09-_./: \"\\{}[],\u{7F}é€漢\u{1F600}\u{2028}\u{FFFD}\u{10FFFF}\u{E000}".unicodeScalars
  )
  private static let controls: [Unicode.Scalar] = Array("\u{0}\u{1}\u{8}\t\n\u{C}\r\u{1F}".unicodeScalars)

  /// Text of at most `limit` scalars.
  static func text(_ random: inout SplitMix64, limit: Int, atLeast least: Int = 0, controls: Bool = true) -> String {
    let length = max(least, random.oneIn(50) ? limit : random.below(min(limit, 24) + 1))
    var text = String.UnicodeScalarView()
    for _ in 0..<length {
      switch random.below(8) {
      case 0: text.append(random.pick(scalars.filter { $0 != "\u{7F}" || controls }))
      case 1 where controls: text.append(random.pick(Self.controls))
      default: text.append(random.pick(["a", "b", "7", "-"]))
      }
    }
    return String(text)
  }

  static func orderID(_ random: inout SplitMix64) -> OrderID {
    let shift = UInt64(random.below(63))
    return OrderID(Int64(truncatingIfNeeded: (random.next() >> 1) >> shift)) ?? OrderID.first
  }

  static func account(_ random: inout SplitMix64) -> AccountName {
    AccountName(text(&random, limit: 128, atLeast: 1, controls: false))
  }

  /// A point that RFC 3339 can write.
  static func timestamp(_ random: inout SplitMix64) -> Timestamp {
    switch random.below(8) {
    case 0: return Timestamp(microseconds: -62_167_219_200_000_000)
    case 1: return Timestamp(microseconds: 253_402_300_799_999_999)
    case 2:
      let span: UInt64 = 315_569_520_000_000_000
      return Timestamp(microseconds: -62_167_219_200_000_000 + Int64(random.next() % span))
    case 3: return Timestamp(milliseconds: 1_785_000_000_000 + Int64(random.below(1_000_000_000)))
    default: return Timestamp(microseconds: 1_785_000_000_000_000 + Int64(random.below(1_000_000_000_000)))
    }
  }

  static func source(_ random: inout SplitMix64) -> SourceCoordinates {
    SourceCoordinates(
      topic: random.pick(["order-cancel.requests", "t", "a_b.c-d"]),
      partition: Int32(random.below(1000)),
      offset: Int64(truncatingIfNeeded: random.next() >> (1 + UInt64(random.below(60))))
    )
  }

  static func key(_ random: inout SplitMix64) -> [UInt8]? { random.maybe(Mutation.noise) }

  static func uuid(_ random: inout SplitMix64) -> UUID {
    let (high, low) = (random.next(), random.next())
    return withUnsafeBytes(of: (high, low)) { UUID(uuid: $0.loadUnaligned(as: uuid_t.self)) }
  }

  /// Headers that results echo, with values of any bytes.
  static func echoedHeaders(_ random: inout SplitMix64) -> [RecordHeader] {
    (0..<random.below(4)).map { _ in
      RecordHeader(
        name: random.pick(["correlation-id", "Correlation-ID", "traceparent", "tracestate"]),
        value: key(&random)
      )
    }
  }

  /// An object with anything in it, as text.
  static func object(_ random: inout SplitMix64, depth: Int = 0) -> JSONText {
    var bytes: [UInt8] = [UInt8(ascii: "{")]
    for index in 0..<random.below(4) {
      if index > 0 { bytes.append(UInt8(ascii: ",")) }
      bytes += JSONSpelling.blanks(&random)
      bytes += JSONSpelling.string(text(&random, limit: 8), &random)
      bytes.append(UInt8(ascii: ":"))
      bytes += value(&random, depth: depth + 1)
    }
    return JSONText(wellFormed: bytes + [UInt8(ascii: "}")])
  }

  /// A value of any kind, as text.
  static func value(_ random: inout SplitMix64, depth: Int = 0) -> [UInt8] {
    switch random.below(depth < 6 ? 8 : 5) {
    case 0: return Array("null".utf8)
    case 1: return Array(random.pick(["true", "false"]).utf8)
    case 2: return Array(random.pick(["0", "-0", "1.5", "-2e10", "1E-7", "9223372036854775808"]).utf8)
    case 3: return Array(String(Int64(truncatingIfNeeded: random.next())).utf8)
    case 4: return JSONSpelling.string(text(&random, limit: 40), &random)
    case 5, 6: return object(&random, depth: depth).utf8
    default:
      let elements = (0..<random.below(4)).map { _ in value(&random, depth: depth + 1) }
      return [UInt8(ascii: "[")] + elements.joined(separator: [UInt8(ascii: ",")]) + [UInt8(ascii: "]")]
    }
  }
}

extension OrderID {
  /// The least order id.
  fileprivate static var first: OrderID {
    guard let first = OrderID(1) else { preconditionFailure("One is a positive number.") }
    return first
  }
}

extension SplitMix64 {
  /// A number from 0 to `bound - 1`.
  mutating func below(_ bound: Int) -> Int {
    Int(truncatingIfNeeded: next() % UInt64(max(bound, 1)))
  }

  /// True once in `count` times.
  mutating func oneIn(_ count: Int) -> Bool { below(count) == 0 }

  /// One of the elements; the collection must not be empty.
  mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }

  /// What `make` gives, or `nil` half of the time.
  mutating func maybe<Value>(_ make: (inout SplitMix64) -> Value) -> Value? {
    oneIn(2) ? make(&self) : nil
  }
}

/// Changes good input at random.
enum Mutation {
  /// Fragments that decoders handle badly.
  private static let fragments: [[UInt8]] =
    [
      "{", "}", "[", "]", "\"", ":", ",", "\\", "\\u", "\\ud800", "\\u0000", "null", "true", "-", "0", "1e999", "1.0",
      "9223372036854775807", "9223372036854775808", "-9223372036854775808", "00", "+1", "\u{FEFF}", "\u{1F4A3}",
      "\"orderId\":", "\"orderId\":1,", "\"cancelId\":null,", "\"context\":{", "\"data\":", "\"priority\":\"x\",",
      "9999-12-31T23:59:60Z", "0000-01-01T00:00:00+23:59", "\n", "\t", " ", "/**/", "NaN",
    ].map { Array($0.utf8) } + [
      [0x00], [0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82],
    ]

  /// Applies one to four changes.
  static func spoil(_ bytes: [UInt8], _ random: inout SplitMix64) -> [UInt8] {
    var bytes = bytes
    for _ in 0...random.below(4) { change(&bytes, &random) }
    return bytes
  }

  private static func change(_ bytes: inout [UInt8], _ random: inout SplitMix64) {
    let place = random.below(bytes.count + 1)
    let length = min(random.below(16), bytes.count - place)
    switch random.below(8) {
    case 0: bytes.removeSubrange(place..<place + length)
    case 1: bytes.removeSubrange(place...)
    case 2: bytes.insert(contentsOf: bytes[place..<place + length], at: random.below(bytes.count + 1))
    case 3, 4: bytes.insert(contentsOf: random.pick(fragments), at: place)
    case 5: bytes.replaceSubrange(place..<place + length, with: random.pick(fragments))
    case 6 where place < bytes.count: bytes[place] = UInt8(truncatingIfNeeded: random.next())
    case 7 where place < bytes.count: bytes[place] ^= 1 << UInt8(random.below(8))
    default: bytes.append(UInt8(truncatingIfNeeded: random.next()))
    }
  }

  /// Random bytes.
  static func noise(_ random: inout SplitMix64) -> [UInt8] {
    (0..<random.below(200)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
  }

  /// Brackets within brackets, up to 10,000 deep.
  static func nesting(_ random: inout SplitMix64) -> [UInt8] {
    let depth = random.oneIn(2) ? 50 + random.below(30) : random.below(10_000)
    let opening = Array(random.pick(["[", "{\"a\":", "{\"context\":", "[{\"orderId\":"]).utf8)
    var bytes = Array(repeating: opening, count: depth).flatMap(\.self)
    if random.oneIn(2) {
      bytes.append(UInt8(ascii: "1"))
      let closing = opening.reversed().compactMap { byte -> UInt8? in
        byte == UInt8(ascii: "[") ? UInt8(ascii: "]") : byte == UInt8(ascii: "{") ? UInt8(ascii: "}") : nil
      }
      for _ in 0..<depth { bytes.append(contentsOf: closing) }
    }
    return bytes
  }
}

/// Different ways to write the same JSON.
enum JSONSpelling {
  /// Blanks, mostly none.
  static func blanks(_ random: inout SplitMix64) -> [UInt8] {
    random.oneIn(6) ? (0...random.below(3)).map { _ in random.pick([0x20, 0x09, 0x0A, 0x0D]) } : []
  }

  /// A string with its quotes; characters that need no escape have one now and then.
  static func string(_ text: String, _ random: inout SplitMix64) -> [UInt8] {
    var bytes: [UInt8] = [UInt8(ascii: "\"")]
    for scalar in text.unicodeScalars {
      if scalar.value < 0x20 || scalar == "\"" || scalar == "\\" || random.oneIn(24) {
        for unit in String(scalar).utf16 {
          let digits = String(unit, radix: 16, uppercase: random.oneIn(2))
          bytes += Array("\\u".utf8) + Array(repeating: UInt8(ascii: "0"), count: 4 - digits.utf8.count) + digits.utf8
        }
      } else {
        bytes += String(scalar).utf8
      }
    }
    return bytes + [UInt8(ascii: "\"")]
  }

  /// An object of these members in any order.
  static func object(_ members: [(name: String, value: [UInt8])], _ random: inout SplitMix64) -> [UInt8] {
    var bytes: [UInt8] = blanks(&random) + [UInt8(ascii: "{")]
    for (index, member) in members.shuffled(using: &random).enumerated() {
      if index > 0 { bytes.append(UInt8(ascii: ",")) }
      bytes += blanks(&random) + string(member.name, &random) + blanks(&random)
      bytes.append(UInt8(ascii: ":"))
      bytes += blanks(&random) + member.value + blanks(&random)
    }
    return bytes + [UInt8(ascii: "}")] + blanks(&random)
  }
}
