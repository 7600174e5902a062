extension Problem {
  /// The largest answer that is kept as it came, in bytes.
  public static let maximumAPIBytes = 64 * 1024
  /// One level less than a reader allows, for the result wraps the problem in an object of its own.
  private static let maximumAPIDepth = JSONReader.deepest - 1

  /// The problem in an answer of the API: its object as it came, whatever members it has; where the body is none, a
  /// problem made from the status.
  ///
  /// The content type is not looked at, for the API sends problems as `application/json`. A body that can't be used is
  /// not repeated.
  ///
  /// - Parameters:
  ///   - body: The answer's body; may be empty.
  ///   - status: The answer's status code.
  public init(apiBody body: [UInt8], status: Int) {
    let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]
    let text = body.starts(with: byteOrderMark) ? Array(body.dropFirst(byteOrderMark.count)) : body
    let reason: String
    if body.isEmpty {
      reason = "sent no body"
    } else if body.count > Self.maximumAPIBytes {
      reason = "sent more than \(Self.maximumAPIBytes) bytes, which are left out"
    } else if let json = try? JSONText(checking: text, maximumDepth: Self.maximumAPIDepth) {
      if json.utf8.first == UInt8(ascii: "{") {
        self.init(json: json)
        return
      }
      reason = "sent JSON that is not an object"
    } else {
      reason = "sent content that is not JSON"
    }
    self.init(.apiStatus, detail: "the API answered \(status) and \(reason)", status: status)
  }
}
