extension JSONReader {
  /// How many bytes the scalar at `index` takes; `nil` where they are not well-formed UTF-8 (Unicode, table 3-7).
  func scalarLength(at index: Int) -> Int? {
    let first = bytes[index]
    switch first {
    case 0x00...0x7F: return 1
    case 0xC2...0xDF: return continues(at: index, count: 1, second: 0x80...0xBF) ? 2 : nil
    case 0xE0: return continues(at: index, count: 2, second: 0xA0...0xBF) ? 3 : nil
    case 0xED: return continues(at: index, count: 2, second: 0x80...0x9F) ? 3 : nil
    case 0xE1...0xEF: return continues(at: index, count: 2, second: 0x80...0xBF) ? 3 : nil
    case 0xF0: return continues(at: index, count: 3, second: 0x90...0xBF) ? 4 : nil
    case 0xF1...0xF3: return continues(at: index, count: 3, second: 0x80...0xBF) ? 4 : nil
    case 0xF4: return continues(at: index, count: 3, second: 0x80...0x8F) ? 4 : nil
    default: return nil
    }
  }

  private func continues(at index: Int, count: Int, second: ClosedRange<UInt8>) -> Bool {
    guard index + count < end, second.contains(bytes[index + 1]) else { return false }
    return bytes[index + 2..<index + 1 + count].allSatisfy { $0 & 0xC0 == 0x80 }
  }
}
