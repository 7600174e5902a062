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
