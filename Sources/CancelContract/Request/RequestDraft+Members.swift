extension RequestDraft {
  /// Reads a string of bounded length; `nil` where it is null or invalid.
  mutating func text(
    _ member: RequestMember,
    _ lengths: ClosedRange<Int>,
    isIdentifier: Bool = false,
    from reader: inout JSONReader
  ) throws(JSONFault) -> String? {
    try text("\(member.name)", lengths, isIdentifier: isIdentifier, from: &reader)
  }

  /// Reads the priority.
  mutating func readPriority(from reader: inout JSONReader) throws(JSONFault) {
    let (kind, place) = try next(in: &reader)
    switch kind {
    case .null: return try reader.readNull()
    case .string:
      let text = try reader.readString()
      if reader.matches(text, "killSwitch") {
        priority = .killSwitch
      } else if !reader.matches(text, "routine") {
        note(.invalid("priority", "must be \"routine\" or \"killSwitch\"; it is another string", at: place, in: reader))
      }
    default:
      try reader.skipValue()
      note(.invalid("priority", "must be \"routine\" or \"killSwitch\"; it is \(kind)", at: place, in: reader))
    }
  }

  /// Reads a point in time: a string of RFC 3339, or an integer of milliseconds since 1970.
  mutating func timestamp(
    _ member: RequestMember,
    from reader: inout JSONReader
  ) throws(JSONFault) -> Timestamp? {
    let (kind, place) = try next(in: &reader)
    switch kind {
    case .null:
      try reader.readNull()
      return nil
    case .string:
      let text = try reader.readString()
      let bytes = text.isEscaped ? reader.utf8(text)[...] : reader.bytes[text.range]
      if let timestamp = Timestamp(rfc3339: bytes) { return timestamp }
    case .number:
      let milliseconds = reader.int64(try reader.readNumber())
      if let milliseconds, RequestLimits.earliestMilliseconds...RequestLimits.latestMilliseconds ~= milliseconds {
        return Timestamp(milliseconds: milliseconds)
      }
    default: try reader.skipValue()
    }
    let fix = "must be a date and time of RFC 3339 such as \"2026-07-30T09:15:00.250Z\", or milliseconds since 1970"
    note(.invalid("\(member.name)", fix, at: place, in: reader))
    return nil
  }

  /// Reads who asked.
  mutating func readOrigin(from reader: inout JSONReader) throws(JSONFault) {
    let (kind, place) = try next(in: &reader)
    guard kind == .object else {
      try reader.skipValue()
      if kind != .null { note(.invalid("origin", "must be an object; it is \(kind)", at: place, in: reader)) }
      return
    }
    var origin = CancelRequest.Origin()
    var seen: [String] = []
    guard try reader.enterObject() else {
      self.origin = origin
      return
    }
    repeat {
      let name = try reader.readName()
      guard let (label, path) = Self.originMember(name, in: reader) else {
        try reader.skipValue()
        continue
      }
      guard !seen.contains(label) else {
        try reader.skipValue()
        note(.duplicate(label, at: name.range.lowerBound, in: reader))
        continue
      }
      seen.append(label)
      origin[keyPath: path] = try text(label, 0...RequestLimits.origin, isIdentifier: true, from: &reader)
    } while try reader.continuesObject()
    self.origin = origin
  }

  /// Reads the object that the result repeats.
  mutating func readContext(from reader: inout JSONReader) throws(JSONFault) {
    let (kind, place) = try next(in: &reader)
    let range = try reader.skipValue()
    switch kind {
    case .null: return
    case .object where range.count <= RequestLimits.context: context = JSONText(wellFormed: Array(reader.bytes[range]))
    case .object:
      note(.invalid("context", "must take at most \(RequestLimits.context) bytes", at: place, in: reader))
    default: note(.invalid("context", "must be an object; it is \(kind)", at: place, in: reader))
    }
  }

  private mutating func text(
    _ label: String,
    _ lengths: ClosedRange<Int>,
    isIdentifier: Bool,
    from reader: inout JSONReader
  ) throws(JSONFault) -> String? {
    let (kind, place) = try next(in: &reader)
    guard kind == .string else {
      try reader.skipValue()
      if kind != .null { note(.invalid(label, "must be a string; it is \(kind)", at: place, in: reader)) }
      return nil
    }
    let string = try reader.readString()
    let text = reader.text(string)
    guard RequestLimits.isWithin(text, lengths) else {
      let fix = "must have \(lengths.lowerBound) to \(lengths.upperBound) characters"
      note(.invalid(label, fix, at: place, in: reader))
      return nil
    }
    // Without an escape there is none, for JSON forbids them.
    guard !isIdentifier || !string.isEscaped || !RequestLimits.hasControlCharacters(text) else {
      note(.invalid(label, "must have no control characters", at: place, in: reader))
      return nil
    }
    return text
  }

  /// The kind of the next value and where it stands.
  func next(in reader: inout JSONReader) throws(JSONFault) -> (kind: JSONKind, place: Int) {
    let kind = try reader.peekKind()
    return (kind, reader.position)
  }

  private static func originMember(
    _ name: JSONString,
    in reader: JSONReader
  ) -> (label: String, path: WritableKeyPath<CancelRequest.Origin, String?>)? {
    if reader.matches(name, "system") { return ("origin.system", \.system) }
    if reader.matches(name, "actor") { return ("origin.actor", \.actor) }
    if reader.matches(name, "algorithm") { return ("origin.algorithm", \.algorithm) }
    if reader.matches(name, "desk") { return ("origin.desk", \.desk) }
    return nil
  }
}

extension RequestFault {
  /// A member that must not be as it is.
  static func invalid(_ member: String, _ fix: String, at offset: Int, in reader: JSONReader) -> RequestFault {
    RequestFault(.memberInvalid, "`\(member)` (\(reader.placeDescription(of: offset))) \(fix)", member: member)
  }

  /// A member that stands twice.
  static func duplicate(_ member: String, at offset: Int, in reader: JSONReader) -> RequestFault {
    let place = reader.placeDescription(of: offset)
    return RequestFault(.duplicateMember, "`\(member)` stands again at \(place): send it once", member: member)
  }
}

extension JSONReader {
  /// The place for people.
  func placeDescription(of offset: Int) -> String {
    let place = place(of: offset)
    return "line \(place.line), column \(place.column)"
  }
}
