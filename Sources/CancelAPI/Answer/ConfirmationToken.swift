/// The `token` of an acceptance's JSON object.
///
/// The text is walked through once and must be a well-formed object to its end; nothing else of it is kept.
struct ConfirmationToken {
  /// A longer token is none: it would have to be remembered with every accepted order.
  static let longest = 256
  /// Deeper nesting is refused, so that no text can exhaust the stack.
  private static let deepest = 32

  private var index = 0
  private var token: Range<Int>?

  /// The string member `token` of the object in `body`; `nil` where there is no such thing, or it repeats a secret.
  static func read(_ body: Span<UInt8>, sentWith credential: Credential) -> String? {
    var reader = ConfirmationToken()
    guard reader.object(body, depth: 0), reader.atEnd(body), let range = reader.token,
      (1...longest).contains(range.count)
    else { return nil }
    let bytes = body.extracting(range)
    for index in bytes.indices {
      // visible ASCII only: a token with escapes or other scripts is no token of this API
      guard (0x21...0x7E).contains(bytes[index]), bytes[index] != UInt8(ascii: "\\") else { return nil }
    }
    guard !credential.isRepeated(in: bytes) else { return nil }
    return String(unsafeUninitializedCapacity: bytes.count) { buffer in
      for index in bytes.indices { buffer.initializeElement(at: index, to: bytes[index]) }
      return bytes.count
    }
  }

  private mutating func skipSpace(_ text: Span<UInt8>) {
    while index < text.count, [0x20, 0x0A, 0x0D, 0x09].contains(text[index]) { index += 1 }
  }

  private mutating func atEnd(_ text: Span<UInt8>) -> Bool {
    skipSpace(text)
    return index == text.count
  }

  /// Takes `byte` and the space before it.
  private mutating func take(_ byte: UInt8, _ text: Span<UInt8>) -> Bool {
    skipSpace(text)
    guard index < text.count, text[index] == byte else { return false }
    index += 1
    return true
  }

  private mutating func object(_ text: Span<UInt8>, depth: Int) -> Bool {
    guard depth < Self.deepest, take(UInt8(ascii: "{"), text) else { return false }
    if take(UInt8(ascii: "}"), text) { return true }
    repeat {
      guard let name = string(text), take(UInt8(ascii: ":"), text) else { return false }
      skipSpace(text)
      if depth == 0, text.extracting(name).isExactly("token") {
        // the last one counts, as it does for most readers
        token = nil
        if index < text.count, text[index] == UInt8(ascii: "\"") {
          guard let value = string(text) else { return false }
          token = value
          continue
        }
      }
      guard value(text, depth: depth + 1) else { return false }
    } while take(UInt8(ascii: ","), text)
    return take(UInt8(ascii: "}"), text)
  }

  private mutating func array(_ text: Span<UInt8>, depth: Int) -> Bool {
    guard depth < Self.deepest, take(UInt8(ascii: "["), text) else { return false }
    if take(UInt8(ascii: "]"), text) { return true }
    repeat {
      guard value(text, depth: depth + 1) else { return false }
    } while take(UInt8(ascii: ","), text)
    return take(UInt8(ascii: "]"), text)
  }

  private mutating func value(_ text: Span<UInt8>, depth: Int) -> Bool {
    skipSpace(text)
    guard index < text.count else { return false }
    switch text[index] {
    case UInt8(ascii: "{"): return object(text, depth: depth)
    case UInt8(ascii: "["): return array(text, depth: depth)
    case UInt8(ascii: "\""): return string(text) != nil
    default: return scalar(text)
    }
  }

  /// Takes a string and returns where its contents stand, escapes and all.
  private mutating func string(_ text: Span<UInt8>) -> Range<Int>? {
    guard take(UInt8(ascii: "\""), text) else { return nil }
    let start = index
    while index < text.count {
      switch text[index] {
      case UInt8(ascii: "\""):
        index += 1
        return start..<(index - 1)
      case UInt8(ascii: "\\"): index += 2
      case ..<0x20: return nil
      default: index += 1
      }
    }
    return nil
  }

  /// Takes a number, `true`, `false` or `null`, going by its characters only.
  private mutating func scalar(_ text: Span<UInt8>) -> Bool {
    let start = index
    loop: while index < text.count {
      switch text[index] {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "E"),
        UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
        index += 1
      default: break loop
      }
    }
    return index > start
  }
}

extension Span<UInt8> {
  fileprivate func isExactly(_ name: StaticString) -> Bool {
    guard count == name.utf8CodeUnitCount else { return false }
    return name.withUTF8Buffer { name in
      for index in indices where self[index] != name[index] { return false }
      return true
    }
  }
}
