extension Problem {
  /// A problem of the worker's own.
  ///
  /// - Parameters:
  ///   - type: The kind of problem, which sets `type` and `title`.
  ///   - detail: What happened and what can be done, for people.
  ///   - status: The API's status code, where there was one.
  ///   - member: The member of the request that is at fault.
  ///   - since: Since when it has been so.
  public init(
    _ type: ProblemType,
    detail: String,
    status: Int? = nil,
    member: String? = nil,
    since: Timestamp? = nil
  ) {
    var writer = JSONWriter(capacity: 256)
    writer.beginObject()
    writer.member("type", type.uri)
    writer.member("title", type.title)
    if let status { writer.member("status", Int64(status)) }
    writer.member("detail", detail)
    if let member { writer.member("member", member) }
    if let since { writer.member("since", since) }
    writer.endObject()
    self.init(json: JSONText(wellFormed: writer.bytes))
  }
}
