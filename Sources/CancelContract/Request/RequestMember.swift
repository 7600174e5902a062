/// A member of a request: its name, and how its value is read into a draft.
///
/// A value that the member may not have is noted in the draft as a fault; reading goes on behind it.
struct RequestMember: Sendable {
  typealias Read = @Sendable (inout RequestDraft, inout JSONReader) throws(JSONFault) -> Void

  /// The name in JSON.
  let name: StaticString
  /// Reads the value, which is the reader's next.
  let read: Read

  init(_ name: StaticString, _ read: @escaping Read) {
    self.name = name
    self.read = read
  }

  /// All members, `orderId` first.
  static let all: [RequestMember] =
    [
      RequestMember("orderId") { (draft, reader) throws(JSONFault) in try draft.readOrderID(from: &reader) },
      .identifier("cancelId", 1...RequestLimits.cancelID) { $0.cancelID = $1 },
      .identifier("account", 1...RequestLimits.account) { $0.account = AccountName($1) },
      RequestMember("priority") { (draft, reader) throws(JSONFault) in try draft.readPriority(from: &reader) },
      .timestamp("deadline") { $0.deadline = $1 },
    ] + RequestDetails.requestMembers + SweepDraft.requestMembers

  /// The index of `orderId` in `all`.
  static let orderID = 0

  /// The index of `scope` in `all`.
  static let scope = all.count - SweepDraft.requestMembers.count

  /// The index in `all` of the member of that name; `nil` where there is none.
  static func index(of name: JSONString, in reader: borrowing JSONReader) -> Int? {
    for index in all.indices where reader.matches(name, all[index].name) { return index }
    return nil
  }
}

extension RequestMember {
  /// A string of bounded length, in Unicode scalars.
  static func text(
    _ name: StaticString,
    _ lengths: ClosedRange<Int>,
    _ keep: @escaping @Sendable (inout RequestDraft, String) -> Void
  ) -> RequestMember {
    RequestMember(name) { (draft, reader) throws(JSONFault) in
      let text = try draft.text("\(name)", lengths, isIdentifier: false, from: &reader)
      if let text { keep(&draft, text) }
    }
  }

  /// A string of bounded length without control characters.
  static func identifier(
    _ name: StaticString,
    _ lengths: ClosedRange<Int>,
    _ keep: @escaping @Sendable (inout RequestDraft, String) -> Void
  ) -> RequestMember {
    RequestMember(name) { (draft, reader) throws(JSONFault) in
      let text = try draft.text("\(name)", lengths, isIdentifier: true, from: &reader)
      if let text { keep(&draft, text) }
    }
  }

  /// A point in time: a string of RFC 3339, or an integer of milliseconds since 1970.
  static func timestamp(
    _ name: StaticString,
    _ keep: @escaping @Sendable (inout RequestDraft, Timestamp) -> Void
  ) -> RequestMember {
    RequestMember(name) { (draft, reader) throws(JSONFault) in
      let (kind, place) = try reader.peekPlace()
      switch kind {
      case .null: return try reader.readNull()
      case .string:
        let text = try reader.readString()
        let bytes = text.isEscaped ? reader.utf8(text)[...] : reader.bytes[text.range]
        if let timestamp = Timestamp(rfc3339: bytes) { return keep(&draft, timestamp) }
      case .number:
        let milliseconds = reader.int64(try reader.readNumber())
        if let milliseconds, RequestLimits.earliestMilliseconds...RequestLimits.latestMilliseconds ~= milliseconds {
          return keep(&draft, Timestamp(milliseconds: milliseconds))
        }
      default: try reader.skipValue()
      }
      let fix = "must be a date and time of RFC 3339 such as \"2026-07-30T09:15:00.250Z\", or milliseconds since 1970"
      draft.note(.invalid("\(name)", fix, at: place, in: reader))
    }
  }

  /// `true` or `false`.
  static func flag(
    _ name: StaticString,
    _ keep: @escaping @Sendable (inout RequestDraft, Bool) -> Void
  ) -> RequestMember {
    RequestMember(name) { (draft, reader) throws(JSONFault) in
      let (kind, place) = try reader.peekPlace()
      switch kind {
      case .null: try reader.readNull()
      case .boolean: keep(&draft, try reader.readBoolean())
      default:
        try reader.skipValue()
        draft.note(.invalid("\(name)", "must be true or false; it is \(kind)", at: place, in: reader))
      }
    }
  }

  /// An integer within bounds.
  static func integer(
    _ name: StaticString,
    _ bounds: ClosedRange<Int64>,
    _ keep: @escaping @Sendable (inout RequestDraft, Int64) -> Void
  ) -> RequestMember {
    RequestMember(name) { (draft, reader) throws(JSONFault) in
      let (kind, place) = try reader.peekPlace()
      switch kind {
      case .null: return try reader.readNull()
      case .number:
        if let value = reader.int64(try reader.readNumber()), bounds.contains(value) { return keep(&draft, value) }
      default: try reader.skipValue()
      }
      let fix = "must be an integer from \(bounds.lowerBound) to \(bounds.upperBound)"
      draft.note(.invalid("\(name)", fix, at: place, in: reader))
    }
  }

  /// An object that is kept as it was written.
  static func object(
    _ name: StaticString,
    maximumBytes: Int,
    _ keep: @escaping @Sendable (inout RequestDraft, JSONText) -> Void
  ) -> RequestMember {
    RequestMember(name) { (draft, reader) throws(JSONFault) in
      let (kind, place) = try reader.peekPlace()
      let range = try reader.skipValue()
      switch kind {
      case .null: return
      case .object where range.count <= maximumBytes:
        keep(&draft, JSONText(wellFormed: Array(reader.bytes[range])))
      case .object: draft.note(.invalid("\(name)", "must take at most \(maximumBytes) bytes", at: place, in: reader))
      default: draft.note(.invalid("\(name)", "must be an object; it is \(kind)", at: place, in: reader))
      }
    }
  }

  /// An object that tells who asked.
  static func origin(
    _ name: StaticString,
    _ keep: @escaping @Sendable (inout RequestDraft, RequestDetails.Origin) -> Void
  ) -> RequestMember {
    RequestMember(name) { (draft, reader) throws(JSONFault) in
      let (kind, place) = try reader.peekPlace()
      guard kind == .object else {
        try reader.skipValue()
        if kind != .null { draft.note(.invalid("\(name)", "must be an object; it is \(kind)", at: place, in: reader)) }
        return
      }
      var origin = RequestDetails.Origin()
      try readMembers(of: &origin, into: &draft, from: &reader)
      keep(&draft, origin)
    }
  }

  private static func readMembers(
    of origin: inout RequestDetails.Origin,
    into draft: inout RequestDraft,
    from reader: inout JSONReader
  ) throws(JSONFault) {
    guard try reader.enterObject() else { return }
    var seen: [String] = []
    repeat {
      let name = try reader.readName()
      guard let (label, path) = originMember(name, in: reader) else {
        try reader.skipValue()
        continue
      }
      guard !seen.contains(label) else {
        try reader.skipValue()
        draft.note(.duplicate(label, at: name.range.lowerBound, in: reader))
        continue
      }
      seen.append(label)
      origin[keyPath: path] = try draft.text(label, 0...RequestLimits.origin, isIdentifier: true, from: &reader)
    } while try reader.continuesObject()
  }

  private static func originMember(
    _ name: JSONString,
    in reader: JSONReader
  ) -> (label: String, path: WritableKeyPath<RequestDetails.Origin, String?>)? {
    if reader.matches(name, "system") { return ("origin.system", \.system) }
    if reader.matches(name, "actor") { return ("origin.actor", \.actor) }
    if reader.matches(name, "algorithm") { return ("origin.algorithm", \.algorithm) }
    if reader.matches(name, "desk") { return ("origin.desk", \.desk) }
    return nil
  }
}

extension RequestDraft {
  /// Reads a string of bounded length; `nil` where it is null or invalid.
  mutating func text(
    _ label: @autoclosure () -> String,
    _ lengths: ClosedRange<Int>,
    isIdentifier: Bool,
    from reader: inout JSONReader
  ) throws(JSONFault) -> String? {
    let (kind, place) = try reader.peekPlace()
    guard kind == .string else {
      try reader.skipValue()
      if kind != .null { note(.invalid(label(), "must be a string; it is \(kind)", at: place, in: reader)) }
      return nil
    }
    let string = try reader.readString()
    let text = reader.text(string)
    guard RequestLimits.isWithin(text, lengths) else {
      let fix = "must have \(lengths.lowerBound) to \(lengths.upperBound) characters"
      note(.invalid(label(), fix, at: place, in: reader))
      return nil
    }
    // JSON forbids control characters that are not escaped.
    guard !isIdentifier || !string.isEscaped || !RequestLimits.hasControlCharacters(text) else {
      note(.invalid(label(), "must have no control characters", at: place, in: reader))
      return nil
    }
    return text
  }
}
