/// Takes secrets, and parts of them, out of text of librdkafka's.
///
/// librdkafka quotes configuration values in its messages, and often the rest of a value only: "Unrecognized
/// sasl.oauthbearer.config beginning at: …". So a run of ``shortestPart`` characters of a value counts, in any case of
/// letters, and so does every word of a value by itself: what stands between its blanks, commas and equals signs.
/// Whatever repeats one is replaced up to the next blank or quote on either side, for the rest of a word that begins
/// with a secret is likely to be one too.
struct SecretMask: Sendable {
  /// The shortest part of a value that counts, in bytes.
  static let shortestPart = 8
  /// The shortest value, or word of one, that is looked for as a whole, in bytes: shorter ones would be found in
  /// ordinary text.
  static let shortestWhole = 4
  /// What stands in a secret's place.
  static let mark = "***"

  /// Names in an OAUTHBEARER configuration, which librdkafka's messages explain.
  private static let plainWords: Set<String> = [
    "principal", "principalclaimname", "scope", "scopeclaimname", "lifeseconds", "sub", "true", "false",
  ]

  private let wholes: [[UInt8]]
  private let values: [[UInt8]]

  /// A mask for these values.
  init(_ secrets: [String]) {
    var wholes: Set<[UInt8]> = []
    var values: Set<[UInt8]> = []
    for secret in secrets {
      // the armour of a PEM file is no secret
      for line in secret.split(whereSeparator: \.isNewline) where !line.hasPrefix("-----") {
        let line = line.trimmingBlanks.lowercased()
        values.insert(Array(line.utf8))
        let words = line.split { " \t,;=\"'".contains($0) }.map(String.init) + [line]
        for word in words where !Self.plainWords.contains(word) && word.utf8.count >= Self.shortestWhole {
          wholes.insert(Array(word.utf8))
        }
      }
    }
    self.wholes = Array(wholes)
    self.values = values.filter { $0.count >= Self.shortestPart }
  }

  /// The text without whatever repeats a secret.
  func masked(_ text: String) -> String {
    let bytes = Array(text.utf8)
    let folded = bytes.map { $0 >= 0x41 && $0 <= 0x5A ? $0 | 0x20 : $0 }
    var isSecret = [Bool](repeating: false, count: bytes.count)
    for whole in wholes { mark(whole, in: folded, &isSecret) }
    for value in values {
      for start in 0...(value.count - Self.shortestPart) {
        let part = Array(value[start..<(start + Self.shortestPart)])
        let isPlain = Self.plainWords.contains { $0.contains(String(decoding: part, as: UTF8.self)) }
        if !isPlain { mark(part, in: folded, &isSecret) }
      }
    }
    guard isSecret.contains(true) else { return text }
    // a blank inside a run belongs to it, one at its edge does not
    let isEnd = bytes.indices.map { index in
      let isInside = index > 0 && index + 1 < bytes.count && isSecret[index - 1] && isSecret[index + 1]
      return Self.isDelimiter(bytes[index]) && !(isSecret[index] && isInside)
    }
    var result: [UInt8] = []
    var index = 0
    while index < bytes.count {
      guard !isEnd[index] else {
        result.append(bytes[index])
        index += 1
        continue
      }
      let end = isEnd[index...].firstIndex(of: true) ?? bytes.count
      if isSecret[index..<end].contains(true) {
        result.append(contentsOf: Self.mark.utf8)
      } else {
        result.append(contentsOf: bytes[index..<end])
      }
      index = end
    }
    return String(decoding: result, as: UTF8.self)
  }

  private func mark(_ part: [UInt8], in text: [UInt8], _ isSecret: inout [Bool]) {
    guard part.count <= text.count, let first = part.first else { return }
    for start in 0...(text.count - part.count)
    where text[start] == first && text[start..<(start + part.count)].elementsEqual(part) {
      for index in start..<(start + part.count) { isSecret[index] = true }
    }
  }

  private static func isDelimiter(_ byte: UInt8) -> Bool {
    byte <= 0x20 || "\"'`()[]{}<>,;".utf8.contains(byte)
  }
}

extension Substring {
  /// The text without the blanks around it.
  fileprivate var trimmingBlanks: Substring {
    var text = self
    while text.last?.isWhitespace == true { text.removeLast() }
    while text.first?.isWhitespace == true { text.removeFirst() }
    return text
  }
}
