/// Every fault of a configuration.
public struct ConfigurationError: Error, Sendable, CustomStringConvertible {
  /// One fault.
  public struct Fault: Hashable, Sendable, CustomStringConvertible {
    /// The key, or the file where it is the file that is at fault.
    public var key: String
    /// What is wrong, and the fix; never a secret's value.
    public var message: String
    /// Where the value came from: a line of the file, or an environment variable.
    public var origin: String?

    /// A fault of the value under `key`.
    public init(key: String, message: String, origin: String? = nil) {
      self.key = key
      self.message = message
      self.origin = origin
    }

    /// One line.
    public var description: String {
      "\(key): \(message)" + (origin.map { " (\($0))" } ?? "")
    }
  }

  /// What is wrong, in the order of the keys.
  public var faults: [Fault]

  /// An error with these faults.
  public init(faults: [Fault]) {
    self.faults = faults
  }

  /// A line for each fault.
  public var description: String {
    let count = faults.count == 1 ? "the configuration has a fault" : "the configuration has \(faults.count) faults"
    return count + faults.map { "\n  \($0)" }.joined()
  }
}
