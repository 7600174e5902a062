import CancelContract
import FoundationEssentials
extension Problem {
  public init(_ type: ProblemType, detail: String, status: Int? = nil, member: String? = nil, since: Timestamp? = nil) {
    self.init(json: JSONText(wellFormed: Array("{\"type\":\"\(type.uri)\"}".utf8)))
  }
  var summary: String? { description }
}
