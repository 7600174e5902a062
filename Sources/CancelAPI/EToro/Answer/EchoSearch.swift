/// Finds one secret, or a part of it, in text that came from outside, in any spelling that a server may give it.
///
/// The spellings are the secret itself, its base64 (standard and URL-safe, at each of the three alignments), its
/// hexadecimal digits, and, for a secret that is base64 itself, what it decodes to; each regardless of letter case.
/// ``Credential/isRepeated(in:)`` undoes escapes before it asks.
///
/// **What counts as a repetition** is a run of ``shortestPart`` bytes of the secret. Eight characters of a random key
/// carry 48 bits: ordinary text does not have them by chance, and fewer than eight leave a key of 16 characters or more
/// with most of its strength. A secret shorter than that is looked for as a whole. One shorter than ``shortestSecret`` is
/// found in ordinary words too, which are then left out; the accounts' reader warns of those.
///
/// **The cost** is a table look-up for every fifth byte of the text: a Bloom filter knows each four bytes in a row of
/// every spelling, and a run of eight bytes covers one of the places that are looked at. Only a hit is compared.
final class EchoSearch: Sendable {
  /// The shortest part of a secret that counts, in bytes of the secret.
  static let shortestPart = 8
  /// The shortest secret that ordinary text does not have by chance, in bytes.
  static let shortestSecret = 6

  /// One spelling, folded, and how much of it must be repeated.
  fileprivate struct Spelling {
    let bytes: [UInt8]
    let shortestRun: Int
  }

  private static let gramLength = 4
  private let spellings: [Spelling]
  private let filter: [UInt64]
  private let stride: Int
  /// A secret that is too short for the filter, folded: it is compared at each place.
  private let shortSecret: [UInt8]

  /// A search for `secret`; `nil` where it is empty.
  init?(_ secret: String) {
    let secret = Array(secret.utf8)
    guard !secret.isEmpty else { return nil }
    guard secret.count >= Self.shortestSecret else {
      (spellings, filter, stride) = ([], [], 1)
      shortSecret = secret.map { $0 | 0x20 }
      return
    }
    shortSecret = []
    var spellings = [Spelling(secret, shortestRun: Self.shortestPart)]
    if let plain = EscapedText.decoded(fully: secret), plain.count >= Self.shortestSecret {
      spellings.append(Spelling(plain, shortestRun: Self.shortestPart))
    }
    spellings.append(Spelling(Self.hexadecimal(secret), shortestRun: 2 * Self.shortestPart))
    for shift in 0..<3 {
      // 64 bits at any offset determine ten digits of base64 whole
      let standard = Self.base64(secret, shift: shift, last: ("+", "/"))
      spellings.append(Spelling(standard, shortestRun: 10))
      let urlSafe = Self.base64(secret, shift: shift, last: ("-", "_"))
      if urlSafe != standard { spellings.append(Spelling(urlSafe, shortestRun: 10)) }
    }
    // a key may be the base64 of a document that holds the key proper; 16 bytes, for the rest of it may be words
    if let inner = Self.decodedBase64(secret), inner.count >= 16 { spellings.append(Spelling(inner, shortestRun: 16)) }
    self.spellings = spellings
    self.stride = (spellings.map(\.shortestRun).min() ?? Self.shortestPart) - Self.gramLength + 1

    let grams = spellings.reduce(0) { $0 + $1.bytes.count }
    var words = 4
    // two bits for each gram in a table of at least 24 for each: one look-up in 150 is a false hit
    while words * 64 < grams * 24 { words *= 2 }
    var filter = [UInt64](repeating: 0, count: words)
    for spelling in spellings {
      spelling.bytes.withUnsafeBytes { bytes in
        for index in 0...(bytes.count - Self.gramLength) {
          let (first, second) = Self.places(Self.gram(bytes, at: index), words: words)
          filter[first.word] |= first.bit
          filter[second.word] |= second.bit
        }
      }
    }
    self.filter = filter
  }

  /// Whether a spelling of the secret, or enough of one, stands in `text`.
  func isFound(in text: UnsafeRawBufferPointer) -> Bool {
    if !shortSecret.isEmpty {
      return text.indices.dropLast(min(text.count, shortSecret.count - 1)).contains { start in
        shortSecret.indices.allSatisfy { text[start + $0] | 0x20 == shortSecret[$0] }
      }
    }
    guard text.count >= Self.gramLength else { return false }
    return filter.withUnsafeBufferPointer { filter in
      var index = 0
      while index <= text.count - Self.gramLength {
        let (first, second) = Self.places(Self.gram(text, at: index), words: filter.count)
        if filter[first.word] & first.bit != 0, filter[second.word] & second.bit != 0,
          spellings.contains(where: { $0.isRepeated(in: text, around: index) })
        {
          return true
        }
        index += stride
      }
      return false
    }
  }

  /// Four bytes in a row, folded.
  private static func gram(_ bytes: UnsafeRawBufferPointer, at index: Int) -> UInt32 {
    bytes.loadUnaligned(fromByteOffset: index, as: UInt32.self) | 0x2020_2020
  }

  /// The two bits of the filter that stand for a gram; `words` is a power of two.
  private static func places(
    _ gram: UInt32, words: Int
  ) -> (first: (word: Int, bit: UInt64), second: (word: Int, bit: UInt64)) {
    let hash = UInt64(gram) &* 0x9E37_79B9_7F4A_7C15
    let mask = UInt64(words - 1)
    return (
      (Int(truncatingIfNeeded: (hash >> 40) & mask), 1 << ((hash >> 34) & 63)),
      (Int(truncatingIfNeeded: (hash >> 14) & mask), 1 << ((hash >> 58) & 63))
    )
  }

  private static func hexadecimal(_ bytes: [UInt8]) -> [UInt8] {
    let digits = Array("0123456789abcdef".utf8)
    return bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
  }

  /// The digits of base64 that `bytes` alone determine where `shift` other bytes stand before them.
  private static func base64(_ bytes: [UInt8], shift: Int, last: (Character, Character)) -> [UInt8] {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789\(last.0)\(last.1)".utf8)
    let padded = [UInt8](repeating: 0, count: shift) + bytes
    let first = (shift * 8 + 5) / 6
    return (first..<(padded.count * 8 / 6)).map { digit in
      let bit = digit * 6
      let pair = UInt16(padded[bit / 8]) << 8 | (bit / 8 + 1 < padded.count ? UInt16(padded[bit / 8 + 1]) : 0)
      return alphabet[Int(pair >> (10 - bit % 8) & 63)]
    }
  }

  /// What `text` decodes to as base64 of either alphabet, padded or not; `nil` where it is none.
  private static func decodedBase64(_ text: [UInt8]) -> [UInt8]? {
    let digits = text.reversed().drop { $0 == UInt8(ascii: "=") || $0 == UInt8(ascii: "_") }.reversed()
    var result: [UInt8] = []
    var bits: UInt32 = 0
    var count = 0
    for digit in digits {
      let value: UInt8
      switch digit {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = digit - UInt8(ascii: "A")
      case UInt8(ascii: "a")...UInt8(ascii: "z"): value = digit - UInt8(ascii: "a") + 26
      case UInt8(ascii: "0")...UInt8(ascii: "9"): value = digit - UInt8(ascii: "0") + 52
      case UInt8(ascii: "+"), UInt8(ascii: "-"): value = 62
      case UInt8(ascii: "/"), UInt8(ascii: "_"): value = 63
      default: return nil
      }
      bits = bits << 6 | UInt32(value)
      count += 6
      guard count >= 8 else { continue }
      count -= 8
      result.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
    }
    return result
  }
}

extension EchoSearch.Spelling {
  fileprivate init(_ bytes: [UInt8], shortestRun: Int) {
    self.bytes = bytes.map { $0 | 0x20 }
    self.shortestRun = min(shortestRun, bytes.count)
  }

  /// Whether a run of at least ``shortestRun`` bytes that holds the four bytes at `index` of `text` stands here.
  fileprivate func isRepeated(in text: UnsafeRawBufferPointer, around index: Int) -> Bool {
    var place = 0
    while place + 4 <= bytes.count {
      var start = 0
      var end = 0
      while place + end < bytes.count, index + end < text.count, bytes[place + end] == text[index + end] | 0x20 {
        end += 1
      }
      if end >= 4 {
        while start < min(place, index), bytes[place - start - 1] == text[index - start - 1] | 0x20 { start += 1 }
        if start + end >= shortestRun { return true }
      }
      place += 1
    }
    return false
  }
}

extension Credential {
  /// How often escapes are undone. Text that has still more of them is a repetition for all that can be known.
  private static let mostRounds = 8

  /// Whether `text` repeats one of the secrets or a part of one, as the answer of a server that echoes requests does.
  ///
  /// The text is searched as it is, and again each time that its escapes have been undone, until none is left: so it
  /// need not be known whether it is JSON, a URL or a page, nor how often it was encoded.
  func isRepeated(in text: Span<UInt8>) -> Bool {
    text.withUnsafeBytes { text in
      if isRepeatedAsItIs(in: text) { return true }
      guard EscapedText.mayHaveEscapes(text), var decoded = EscapedText.decoded(text) else { return false }
      for _ in 0..<Self.mostRounds {
        if decoded.withUnsafeBytes(isRepeatedAsItIs) { return true }
        guard let next = decoded.withUnsafeBytes(EscapedText.decoded) else { return false }
        decoded = next
      }
      return true
    }
  }

  /// Whether `text` repeats one of the secrets or a part of one.
  func isRepeated(in text: String) -> Bool {
    var text = text
    return text.withUTF8 { isRepeated(in: $0.span) }
  }

  private func isRepeatedAsItIs(in text: UnsafeRawBufferPointer) -> Bool {
    func isFound(_ secret: Secret) -> Bool { secret.search?.isFound(in: text) ?? false }
    return switch self {
    case .keyPair(let apiKey, let userKey): isFound(apiKey) || isFound(userKey)
    case .bearer(let token): isFound(token)
    }
  }
}

/// Undoes the escapes of JSON and other languages (`\u002B`, `\u{2b}`, `\U0000002B`, `\x2b`, `\053`, `\/`), of URLs
/// (`%2B`) and of HTML (`&#43;`, `&#x2b;`, `&amp;`, with or without the semicolon), whichever stand in a text; where
/// none of them does, those of quoted-printable (`=2B`). These come last, for a secret itself may begin after `=`.
///
/// It serves a search, not a reader: what no escape could stand for stays as it is, and characters beyond ASCII, which
/// no secret has, become `?`.
enum EscapedText {
  /// Whether the text has a byte with which an escape begins.
  static func mayHaveEscapes(_ text: UnsafeRawBufferPointer) -> Bool {
    var found: UInt8 = 0
    for byte in text {
      found |= isBeginning(byte) ? 1 : 0
    }
    return found != 0
  }

  private static func isBeginning(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "\\") || byte == UInt8(ascii: "%") || byte == UInt8(ascii: "&") || byte == UInt8(ascii: "=")
  }

  /// The text with its escapes undone once; `nil` where it has none.
  static func decoded(_ text: UnsafeRawBufferPointer) -> [UInt8]? {
    replacing(escape, in: text) ?? replacing(quotedPrintable, in: text)
  }

  private static func replacing(
    _ escape: (_ index: Int, _ text: UnsafeRawBufferPointer) -> (byte: UInt8, length: Int)?,
    in text: UnsafeRawBufferPointer
  ) -> [UInt8]? {
    var result: [UInt8] = []
    var index = 0
    var isChanged = false
    while index < text.count {
      if let (byte, length) = escape(index, text) {
        if !isChanged {
          isChanged = true
          result.reserveCapacity(text.count)
          result.append(contentsOf: text[..<index])
        }
        result.append(byte)
        index += length
      } else {
        if isChanged { result.append(text[index]) }
        index += 1
      }
    }
    return isChanged ? result : nil
  }

  /// The text with its escapes undone until none is left; `nil` where it has none.
  static func decoded(fully text: [UInt8]) -> [UInt8]? {
    var result: [UInt8]?
    // every round makes the text shorter
    while let next = (result ?? text).withUnsafeBytes(decoded) { result = next }
    return result
  }

  private static func escape(at index: Int, of text: UnsafeRawBufferPointer) -> (byte: UInt8, length: Int)? {
    switch text[index] {
    case UInt8(ascii: "%"):
      return hexadecimal(2, at: index + 1, of: text).map { (ascii($0), 3) }
    case UInt8(ascii: "\\"):
      guard index + 1 < text.count else { return nil }
      switch text[index + 1] {
      case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "\\"), UInt8(ascii: "/"): return (text[index + 1], 2)
      case UInt8(ascii: "b"): return (0x08, 2)
      case UInt8(ascii: "f"): return (0x0C, 2)
      case UInt8(ascii: "n"): return (0x0A, 2)
      case UInt8(ascii: "r"): return (0x0D, 2)
      case UInt8(ascii: "t"): return (0x09, 2)
      case UInt8(ascii: "u"):
        return hexadecimal(4, at: index + 2, of: text).map { (ascii($0), 6) } ?? inBraces(at: index, of: text)
      case UInt8(ascii: "U"): return hexadecimal(8, at: index + 2, of: text).map { (ascii($0), 10) }
      case UInt8(ascii: "x"): return hexadecimal(2, at: index + 2, of: text).map { (ascii($0), 4) }
      default:
        let (value, end) = number(radix: 8, at: index + 1, of: text.prefix(index + 4))
        return end == index + 1 ? nil : (ascii(value), end - index)
      }
    case UInt8(ascii: "&"):
      return entity(at: index, of: text)
    default:
      return nil
    }
  }

  /// `=2B`, whose digits are in upper case.
  private static func quotedPrintable(
    at index: Int, of text: UnsafeRawBufferPointer
  ) -> (byte: UInt8, length: Int)? {
    guard text[index] == UInt8(ascii: "="), let value = hexadecimal(2, at: index + 1, of: text),
      text[(index + 1)...(index + 2)].allSatisfy({ $0 < UInt8(ascii: "a") })
    else { return nil }
    return (ascii(value), 3)
  }

  /// `\u{2b}`
  private static func inBraces(at index: Int, of text: UnsafeRawBufferPointer) -> (byte: UInt8, length: Int)? {
    guard index + 2 < text.count, text[index + 2] == UInt8(ascii: "{") else { return nil }
    let (value, end) = number(radix: 16, at: index + 3, of: text[...])
    guard end > index + 3, end < text.count, text[end] == UInt8(ascii: "}") else { return nil }
    return (ascii(value), end + 1 - index)
  }

  /// HTML's names of ASCII characters, in lower case.
  private static let names: [(name: StaticString, character: Unicode.Scalar)] = [
    ("amp", "&"), ("lt", "<"), ("gt", ">"), ("quot", "\""), ("apos", "'"), ("plus", "+"), ("sol", "/"), ("equals", "="),
    ("period", "."), ("colon", ":"), ("lowbar", "_"), ("underbar", "_"), ("hyphen", "-"), ("dash", "-"), ("comma", ","),
    ("semi", ";"), ("excl", "!"), ("num", "#"), ("dollar", "$"), ("percnt", "%"), ("lpar", "("), ("rpar", ")"),
    ("ast", "*"), ("quest", "?"), ("commat", "@"), ("lsqb", "["), ("lbrack", "["), ("bsol", "\\"), ("rsqb", "]"),
    ("rbrack", "]"), ("hat", "^"), ("grave", "`"), ("lcub", "{"), ("lbrace", "{"), ("verbar", "|"), ("vert", "|"),
    ("rcub", "}"), ("rbrace", "}"),
  ]

  private static func entity(at index: Int, of text: UnsafeRawBufferPointer) -> (byte: UInt8, length: Int)? {
    var byte: UInt8
    var end: Int
    if index + 1 < text.count, text[index + 1] == UInt8(ascii: "#") {
      let isHexadecimal = index + 2 < text.count && text[index + 2] | 0x20 == UInt8(ascii: "x")
      let start = index + (isHexadecimal ? 3 : 2)
      let value: UInt32
      (value, end) = number(radix: isHexadecimal ? 16 : 10, at: start, of: text[...])
      guard end > start else { return nil }
      byte = ascii(value)
    } else {
      let rest = text[(index + 1)...]
      let named = names.first { name, _ in
        rest.count >= name.utf8CodeUnitCount
          && name.withUTF8Buffer { name in zip(rest, name).allSatisfy { $0 | 0x20 == $1 } }
      }
      guard let (name, character) = named else { return nil }
      byte = UInt8(ascii: character)
      end = index + 1 + name.utf8CodeUnitCount
    }
    if end < text.count, text[end] == UInt8(ascii: ";") { end += 1 }
    return (byte, end - index)
  }

  /// The number whose digits begin at `start`, and where they end; one too large for ASCII is not told exactly.
  private static func number(
    radix: UInt32, at start: Int, of text: Slice<UnsafeRawBufferPointer>
  ) -> (value: UInt32, end: Int) {
    var value: UInt32 = 0
    var end = start
    while end < text.endIndex, let digit = text[end].hexadecimalDigit, digit < radix {
      value = min(value * radix + UInt32(digit), 0x80)
      end += 1
    }
    return (value, end)
  }

  private static func hexadecimal(_ count: Int, at index: Int, of text: UnsafeRawBufferPointer) -> UInt32? {
    guard count > 0, index + count <= text.count else { return nil }
    var value: UInt32 = 0
    for byte in text[index..<(index + count)] {
      guard let digit = byte.hexadecimalDigit else { return nil }
      value = value << 4 | UInt32(digit)
    }
    return value
  }

  private static func ascii(_ value: UInt32) -> UInt8 {
    value < 0x80 ? UInt8(value) : UInt8(ascii: "?")
  }
}
