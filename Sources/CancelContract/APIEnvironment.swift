/// Which of the API's two worlds an account lives in.
public enum APIEnvironment: UInt8, Sendable, CaseIterable {
  /// Virtual money.
  case demo = 0
  /// Real money.
  case real = 1

  /// The environment's name in configuration.
  public var name: String {
    switch self {
    case .demo: "demo"
    case .real: "real"
    }
  }

  /// The environment of that name, in capital or small letters; `nil` for any other text.
  public init?(name: some StringProtocol) {
    let name = name.lowercased()
    guard let match = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = match
  }
}
