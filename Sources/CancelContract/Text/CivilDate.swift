/// A day of the Gregorian calendar, extended backwards before its introduction as RFC 3339 has it.
///
/// The arithmetic counts years from 1 March in cycles of 400 years (146,097 days), so that leap days come last.
struct CivilDate: Hashable {
  /// Days from 0000-01-01 to 1970-01-01.
  static let daysFromYearZeroToEpoch: Int64 = 719_528

  var year: Int64
  var month: Int64
  var day: Int64

  init(year: Int64, month: Int64, day: Int64) {
    self.year = year
    self.month = month
    self.day = day
  }

  /// The day that is so many days after 1970-01-01; the year must not be negative.
  init(daysSinceEpoch: Int64) {
    let days = daysSinceEpoch + 719_468 + 146_097
    let cycle = days / 146_097
    let dayOfCycle = days % 146_097
    let yearOfCycle = (dayOfCycle - dayOfCycle / 1460 + dayOfCycle / 36_524 - dayOfCycle / 146_096) / 365
    let dayOfYear = dayOfCycle - (365 * yearOfCycle + yearOfCycle / 4 - yearOfCycle / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    year = yearOfCycle + (cycle - 1) * 400 + (month <= 2 ? 1 : 0)
  }

  /// Days from 1970-01-01 to this day; the year must not be negative.
  var daysSinceEpoch: Int64 {
    let shifted = year - (month <= 2 ? 1 : 0) + 400
    let cycle = shifted / 400
    let yearOfCycle = shifted % 400
    let monthFromMarch = month > 2 ? month - 3 : month + 9
    let dayOfYear = (153 * monthFromMarch + 2) / 5 + day - 1
    let dayOfCycle = yearOfCycle * 365 + yearOfCycle / 4 - yearOfCycle / 100 + dayOfYear
    return (cycle - 1) * 146_097 + dayOfCycle - 719_468
  }

  /// Whether month and day exist.
  var isValid: Bool {
    guard (1...12).contains(month), day >= 1 else { return false }
    switch month {
    case 4, 6, 9, 11: return day <= 30
    case 2: return day <= (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28)
    default: return day <= 31
    }
  }
}
