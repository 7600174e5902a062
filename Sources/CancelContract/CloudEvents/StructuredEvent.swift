import FoundationEssentials

/// A CloudEvent in JSON: where its data is, and what is wrong with the rest.
struct StructuredEvent {
  /// `id`, where it can stand in for `cancelId`.
  var id: String?
  /// The range of the member `data`; `nil` where it is missing or null.
  var data: Range<Int>?
  /// The bytes of the member `data_base64`.
  var decodedData: [UInt8]?
  /// The first thing that is wrong with the attributes.
  var fault: RequestFault?
  private var seen: [Member] = []

  /// Reads the whole event.
  init(from reader: inout JSONReader) throws(JSONFault) {
    guard try reader.peekKind() == .object else {
      fault = RequestFault(.notAnObject, "the CloudEvent must be a JSON object; it is \(try reader.peekKind())")
      try reader.skipValue()
      return
    }
    if try reader.enterObject() {
      repeat {
        let name = try reader.readName()
        guard let member = Member.allCases.first(where: { reader.matches(name, $0.name) }) else {
          try reader.skipValue()
          continue
        }
        if seen.contains(member) {
          note(RequestFault(.duplicateMember, "`\(member.name)` appears twice in the CloudEvent: send it once"))
          try reader.skipValue()
          continue
        }
        seen.append(member)
        try read(member, from: &reader)
      } while try reader.continuesObject()
    }
    for member in Member.required where !seen.contains(member) {
      note(.attributeMissing("\(member.name)", place: "member"))
    }
  }

  private mutating func read(_ member: Member, from reader: inout JSONReader) throws(JSONFault) {
    let kind = try reader.peekKind()
    switch (member, kind) {
    case (.data, .null), (.dataBase64, .null):
      try reader.readNull()
    case (.data, _):
      data = try reader.skipValue()
      if decodedData != nil { note(.bothData) }
    case (.dataBase64, .string):
      decodedData = Self.decodedBase64(reader.utf8(try reader.readString()))
      if decodedData == nil {
        note(
          RequestFault(.envelopeInvalid, "`data_base64` is not base64 (RFC 4648, with padding): send `data` instead"))
      } else if data != nil {
        note(.bothData)
      }
    case (_, .string):
      let text = try reader.readString()
      if text.range.isEmpty { note(.attributeMissing("\(member.name)", place: "member")) }
      if member == .specVersion, !text.range.isEmpty, !reader.matches(text, "1.0") { note(.specVersion("specversion")) }
      if member == .id { id = RequestLimits.identifier(reader.utf8(text)) }
    default:
      try reader.skipValue()
      note(RequestFault(.envelopeInvalid, "`\(member.name)` of the CloudEvent must be a string; it is \(kind)"))
    }
  }

  /// The bytes behind base64 with the standard alphabet and padding (RFC 4648, section 4).
  ///
  /// - Returns: `nil` for any text but the canonical one of the bytes: Foundation ignores bits behind the last byte.
  private static func decodedBase64(_ text: [UInt8]) -> [UInt8]? {
    let text = Data(text)
    guard let bytes = Data(base64Encoded: text), bytes.base64EncodedData() == text else { return nil }
    return Array(bytes)
  }

  private mutating func note(_ fault: RequestFault) {
    if self.fault == nil { self.fault = fault }
  }

  private enum Member: CaseIterable {
    case specVersion, id, source, type, data, dataBase64

    static let required: [Member] = [.specVersion, .id, .source, .type]

    var name: StaticString {
      switch self {
      case .specVersion: "specversion"
      case .id: "id"
      case .source: "source"
      case .type: "type"
      case .data: "data"
      case .dataBase64: "data_base64"
      }
    }
  }
}

extension RequestFault {
  /// Both `data` and `data_base64` are there.
  fileprivate static var bothData: RequestFault {
    RequestFault(.envelopeInvalid, "`data` and `data_base64` exclude each other: send one of them")
  }

  /// A required attribute is missing or empty.
  static func attributeMissing(_ name: String, place: String) -> RequestFault {
    RequestFault(
      .envelopeInvalid,
      "the \(place) `\(name)` is missing or empty: CloudEvents 1.0 requires specversion, id, source and type"
    )
  }

  /// The CloudEvents version is not 1.0.
  static func specVersion(_ name: String) -> RequestFault {
    RequestFault(.envelopeInvalid, "`\(name)` must be \"1.0\"")
  }
}
