import CancelContract

/// The date format of HTTP: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, IMF-fixdate).
enum HTTPDate {
  /// Seconds since the Unix epoch; `nil` for any other text, the two obsolete formats included.
  static func seconds(_ text: Span<UInt8>) -> Int64? {
    let text = text.extracting(text.trimmedRange)
    guard text.count == 29, text[3] == UInt8(ascii: ","), text[4] == 0x20, text[7] == 0x20, text[11] == 0x20,
      text[16] == 0x20, text[19] == UInt8(ascii: ":"), text[22] == UInt8(ascii: ":"), text[25] == 0x20,
      text.extracting(26..<29).isCaseInsensitivelyEqual(to: "gmt"),
      let day = number(text.extracting(5..<7)), (1...31).contains(day),
      let month = month(text.extracting(8..<11)),
      let year = number(text.extracting(12..<16)), year >= 1970,
      let hour = number(text.extracting(17..<19)), hour < 24,
      let minute = number(text.extracting(20..<22)), minute < 60,
      let second = number(text.extracting(23..<25)), second <= 60
    else { return nil }
    return CivilDate(year: year, month: month, day: day).daysSinceEpoch * 86_400 + hour * 3600 + minute * 60 + second
  }

  private static func number(_ digits: Span<UInt8>) -> Int64? {
    var number: Int64 = 0
    for index in digits.indices {
      guard let digit = digits[index].decimalDigit else { return nil }
      number = number * 10 + digit
    }
    return number
  }

  private static func month(_ name: Span<UInt8>) -> Int64? {
    let letters = (name[0] | 0x20, name[1] | 0x20, name[2] | 0x20)
    let packed = UInt32(letters.0) << 16 | UInt32(letters.1) << 8 | UInt32(letters.2)
    return switch packed {
    case 0x6A616E: 1  // jan
    case 0x666562: 2  // feb
    case 0x6D6172: 3  // mar
    case 0x617072: 4  // apr
    case 0x6D6179: 5  // may
    case 0x6A756E: 6  // jun
    case 0x6A756C: 7  // jul
    case 0x617567: 8  // aug
    case 0x736570: 9  // sep
    case 0x6F6374: 10  // oct
    case 0x6E6F76: 11  // nov
    case 0x646563: 12  // dec
    default: nil
    }
  }
}
