/// Which worker gave an answer.
public struct WorkerIdentity: Hashable, Sendable {
  /// The instance's id, as configured.
  public var instance: String
  /// The program's version.
  public var version: String

  /// A worker with the given members.
  public init(instance: String, version: String) {
    self.instance = instance
    self.version = version
  }
}
