/// What is wrong with a request.
struct RequestFault: Error, Hashable {
  var type: ProblemType
  /// Names the member and the fix.
  var detail: String
  /// The member, where it is one.
  var member: String?

  init(_ type: ProblemType, _ detail: String, member: String? = nil) {
    self.type = type
    self.detail = detail
    self.member = member
  }

  /// The fault of a value that is not JSON.
  init(_ fault: JSONFault) {
    switch fault.code {
    case .notUTF8: self.init(.notUTF8, "\(fault): encode the message in UTF-8")
    case .notJSON where fault.offset == 0 && fault.found == 0:
      self.init(.notJSON, "\(fault): send plain JSON, without a schema registry's framing")
    case .notJSON where fault.offset == 0 && fault.found == 0xEF:
      self.init(.notJSON, "\(fault): send the JSON without a byte order mark")
    case .notJSON: self.init(.notJSON, "\(fault): send one JSON object as RFC 8259 has it")
    case .tooDeep: self.init(.notJSON, "\(fault): nest less deep")
    }
  }

  var problem: Problem { Problem(type, detail: detail, member: member) }
}

extension RequestFault {
  /// The order id is missing from a well-formed object; names a member that looks like a misspelt one.
  static func orderIDMissing(from reader: JSONReader) -> RequestFault {
    let similar = similarName(in: reader)
    return orderIDMissing(similar.map { "is missing (`\($0)` is there)" } ?? "is missing")
  }

  private static func similarName(in reader: JSONReader) -> String? {
    var reader = JSONReader(reader.bytes, range: reader.start..<reader.end)
    return try? similarName(from: &reader)
  }

  private static func similarName(from reader: inout JSONReader) throws(JSONFault) -> String? {
    guard try reader.enterObject() else { return nil }
    repeat {
      let name = reader.text(try reader.readName())
      try reader.skipValue()
      if ["orderid", "id", "order"].contains(name.lowercased().filter(\.isLetter)), name.utf8.count <= 16 {
        return name
      }
    } while try reader.continuesObject()
    return nil
  }
}

/// How long the parts of a request may be, in Unicode scalars (as JSON Schema's `maxLength` counts) or bytes.
enum RequestLimits {
  static let cancelID = 256
  static let account = 128
  static let reason = 1024
  static let campaignID = 256
  static let origin = 256
  static let campaignSize: Int64 = 1_000_000_000
  /// Names in `accounts`.
  static let accounts = 10_000
  /// Bytes.
  static let context = 64 * 1024
  /// Bytes of a record's key; a result doesn't repeat a longer one, or it might not fit into a record itself.
  static let key = 64 * 1024

  /// The smallest integer that is read as milliseconds; a smaller one was most likely meant as seconds.
  static let earliestMilliseconds: Int64 = 100_000_000_000
  /// The last millisecond of the year 9999.
  static let latestMilliseconds: Int64 = 253_402_300_799_999

  /// The text, where it is UTF-8 and can serve as `cancelId`.
  static func identifier(_ utf8: [UInt8]) -> String? {
    guard !utf8.isEmpty, utf8.count <= cancelID * 4, let text = String(validating: utf8, as: UTF8.self),
      isWithin(text, 1...cancelID), !hasControlCharacters(text)
    else { return nil }
    return text
  }

  static func isWithin(_ text: String, _ lengths: ClosedRange<Int>) -> Bool {
    let bytes = text.utf8.count
    // A scalar takes one to four bytes; only in between must they be counted.
    if bytes < lengths.lowerBound || bytes > lengths.upperBound * 4 { return false }
    if bytes <= lengths.upperBound, lengths.lowerBound <= 1 { return true }
    return lengths.contains(text.unicodeScalars.count)
  }

  static func hasControlCharacters(_ text: String) -> Bool {
    text.utf8.contains { $0 < 0x20 }
  }
}

extension RequestFault {
  /// A member that must not be as it is.
  static func invalid(_ member: String, _ fix: String, at offset: Int, in reader: JSONReader) -> RequestFault {
    RequestFault(.memberInvalid, "`\(member)` (\(reader.placeDescription(of: offset))) \(fix)", member: member)
  }

  /// A member that appears twice.
  static func duplicate(_ member: String, at offset: Int, in reader: JSONReader) -> RequestFault {
    let place = reader.placeDescription(of: offset)
    return RequestFault(.duplicateMember, "`\(member)` appears again at \(place): send it once", member: member)
  }
}

extension JSONReader {
  /// The kind of the next value, and its place.
  mutating func peekPlace() throws(JSONFault) -> (kind: JSONKind, place: Int) {
    let kind = try peekKind()
    return (kind, position)
  }

  /// The place for people.
  func placeDescription(of offset: Int) -> String {
    let place = place(of: offset)
    return "line \(place.line), column \(place.column)"
  }
}
