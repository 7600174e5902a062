import CancelCore

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
