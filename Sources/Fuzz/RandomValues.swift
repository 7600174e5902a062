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
