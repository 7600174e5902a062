extension [UInt8] {
  /// Appends a JSON string with its quotes; escapes what must be escaped and nothing else.
  mutating func appendJSONString(_ text: String) {
    var text = text
    text.withUTF8 { utf8 in
      append(UInt8(ascii: "\""))
      var clean = 0
      for index in 0..<utf8.count {
        let byte = utf8[index]
        guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else { continue }
        append(contentsOf: UnsafeBufferPointer(rebasing: utf8[clean..<index]))
        append(upTo: 6) { $0.append(escapeOf: byte) }
        clean = index + 1
      }
      append(contentsOf: UnsafeBufferPointer(rebasing: utf8[clean...]))
      append(UInt8(ascii: "\""))
    }
  }
}

extension TextBuffer {
  /// Appends the shortest escape of a character: up to 6 bytes.
  mutating func append(escapeOf byte: UInt8) {
    append(UInt8(ascii: "\\"))
    switch byte {
    case 0x08: append(UInt8(ascii: "b"))
    case 0x09: append(UInt8(ascii: "t"))
    case 0x0A: append(UInt8(ascii: "n"))
    case 0x0C: append(UInt8(ascii: "f"))
    case 0x0D: append(UInt8(ascii: "r"))
    case 0x00..<0x20:
      append(UInt8(ascii: "u"))
      append(UInt8(ascii: "0"))
      append(UInt8(ascii: "0"))
      append(hexadecimal: byte)
    default: append(byte)
    }
  }
}
