/// Turns a secret's text in the configuration into the secret: literal, `env:NAME` or `file:PATH`.
struct SecretSource {
  /// The files that were read.
  private(set) var paths: [String] = []
  /// Those of them that others than the owner may read.
  private(set) var exposedPaths: [String] = []

  private let directory: String
  private let environment: [String: String]

  /// The most that a secret's file may hold, in bytes.
  private static let largest = 64 * 1024

  /// - Parameter directory: What relative paths are relative to; empty, or with a `/` at its end.
  init(directory: String, environment: [String: String]) {
    self.directory = directory
    self.environment = environment
  }

  /// The secret that `text` stands for, fit for a header.
  mutating func secret(_ text: String) throws(ConfidentialFile.Fault) -> Secret {
    let secret: Secret
    if text.hasPrefix("env:") {
      let name = String(text.dropFirst(4))
      guard let value = environment[name] else {
        throw ConfidentialFile.Fault("names the environment variable \(name.prefix(128)), which is not set; set it")
      }
      secret = Secret(value)
    } else if text.hasPrefix("file:") {
      secret = try file(String(text.dropFirst(5)))
    } else {
      secret = Secret(text)
    }
    guard secret.isHeaderSafe else { throw ConfidentialFile.Fault(AccountFault.notHeaderSafe) }
    return secret
  }

  /// The secret in a file, without the white space around it.
  mutating func file(_ name: String) throws(ConfidentialFile.Fault) -> Secret {
    let path = name.hasPrefix("/") ? name : directory + name
    let file = try ConfidentialFile(path: path, largest: Self.largest)
    paths.append(path)
    if file.isExposed { exposedPaths.append(path) }
    var text = file.text[...]
    while text.last?.isWhitespace == true { text.removeLast() }
    while text.first?.isWhitespace == true { text.removeFirst() }
    return Secret(String(text))
  }
}
