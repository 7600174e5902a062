import FoundationEssentials

/// A UUID in its canonical text, 36 characters in lower case, which the ledger keeps in 16 bytes.
///
/// Tokens are UUIDs by the API's specification, and most request ids are; each takes a third of the memory so.
enum UUIDText {
  /// The UUID whose canonical text this is; `nil` where it is anything else.
  static func parse(_ text: String) -> UUID? {
    let utf8 = text.utf8
    guard utf8.count == 36 else { return nil }
    var bytes: uuid_t = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    let isCanonical = withUnsafeMutableBytes(of: &bytes) { bytes in
      var nibbles = 0
      for (index, character) in utf8.enumerated() {
        if index == 8 || index == 13 || index == 18 || index == 23 {
          guard character == UInt8(ascii: "-") else { return false }
          continue
        }
        let nibble: UInt8
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): nibble = character - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): nibble = character - UInt8(ascii: "a") + 10
        default: return false
        }
        bytes[nibbles / 2] = bytes[nibbles / 2] << 4 | nibble
        nibbles += 1
      }
      return true
    }
    return isCanonical ? UUID(uuid: bytes) : nil
  }

  /// The canonical text.
  static func text(of uuid: UUID) -> String {
    withUnsafeBytes(of: uuid.uuid) { bytes in
      String(unsafeUninitializedCapacity: 36) { text in
        var position = 0
        for byte in bytes {
          if position == 8 || position == 13 || position == 18 || position == 23 {
            text[position] = UInt8(ascii: "-")
            position += 1
          }
          text[position] = digit(byte >> 4)
          text[position + 1] = digit(byte & 0xF)
          position += 2
        }
        return position
      }
    }
  }

  private static func digit(_ nibble: UInt8) -> UInt8 {
    nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10
  }
}
