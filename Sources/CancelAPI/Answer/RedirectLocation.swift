/// The `location` header of a redirect, of which only the host is ever shown: the rest may carry what it likes.
enum RedirectLocation {
  /// The host in `location`; `nil` where there is none (a relative reference) or it has odd characters.
  static func host(_ location: Span<UInt8>) -> String? {
    guard let slash = location.firstIndex(of: UInt8(ascii: "/")), slash + 1 < location.count,
      location[slash + 1] == UInt8(ascii: "/")
    else { return nil }
    var start = slash + 2
    var end = start
    while end < location.count, !"/?#".utf8.contains(location[end]) {
      if location[end] == UInt8(ascii: "@") { start = end + 1 }
      end += 1
    }
    guard start < end, end - start <= 253 else { return nil }
    var host = ""
    for index in start..<end {
      switch location[index] {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: ":"),
        UInt8(ascii: "["), UInt8(ascii: "]"):
        host.unicodeScalars.append(Unicode.Scalar(location[index]))
      default:
        return nil
      }
    }
    return host
  }
}
