extension Span<UInt8> {
  /// Whether these bytes spell `name`, which is in lower case, in any case.
  func isCaseInsensitivelyEqual(to name: StaticString) -> Bool {
    guard count == name.utf8CodeUnitCount else { return false }
    return name.withUTF8Buffer { name in
      for index in indices {
        var byte = self[index]
        if byte >= 0x41, byte <= 0x5A { byte |= 0x20 }
        if byte != name[index] { return false }
      }
      return true
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
