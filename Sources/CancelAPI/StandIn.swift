import CancelContract
extension Problem {
  init(_ type: ProblemType, detail: String, status: Int? = nil, member: String? = nil, since: Timestamp? = nil) {
    self.init(
      json: JSONText(
        wellFormed: Array("{\"type\":\"\(type.uri)\",\"detail\":\"\(detail)\",\"status\":\(status ?? 0)}".utf8)))
  }
  static func fromAPI(body: [UInt8], status: Int) -> Problem {
    body.first == 0x7B && body.last == 0x7D
      ? Problem(json: JSONText(wellFormed: body))
      : Problem(.apiStatus, detail: "The API answered \(status).", status: status)
  }
}
