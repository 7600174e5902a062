/// The many ways in which the same JSON can be spelt.
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
