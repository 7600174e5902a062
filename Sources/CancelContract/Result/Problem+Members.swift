extension Problem {
  /// The member `type`; `nil` where it is missing, null or no string.
  public var type: String? { value("type")?.string }
  /// The member `title`; `nil` where it is missing, null or no string.
  public var title: String? { value("title")?.string }
  /// The member `detail`; `nil` where it is missing, null or no string.
  public var detail: String? { value("detail")?.string }
  /// The member `status`; `nil` where it is missing, null or no integer.
  public var status: Int? { value("status")?.integer.flatMap(Int.init(exactly:)) }
  /// The worker's own kind of problem; `nil` for one from the API.
  public var problemType: ProblemType? { type.flatMap(ProblemType.init(uri:)) }

  private func value(_ name: String) -> JSONValue? {
    (try? JSONValue(json.utf8))?[name]
  }
}

extension ProblemType {
  /// The kind of problem that has this `type`; `nil` where it is none of the worker's.
  public init?(uri: String) {
    let prefix = "urn:cancel-worker:problem:"
    guard uri.hasPrefix(prefix) else { return nil }
    self.init(rawValue: String(uri.dropFirst(prefix.count)))
  }
}
