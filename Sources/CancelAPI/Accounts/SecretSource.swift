#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

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

/// A file that holds secrets: read whole, with a look at who else may read it.
struct ConfidentialFile {
  /// Why a file or secret can't be had; never what is in it.
  struct Fault: Error {
    let message: String

    init(_ message: String) {
      self.message = message
    }
  }

  /// The contents.
  let text: String
  /// Whether everybody on this machine may read the file. The group may: Kubernetes mounts secrets for one.
  let isExposed: Bool

  /// Reads the file at `path`, which must be a regular one of at most `largest` bytes in UTF-8.
  init(path: String, largest: Int) throws(Fault) {
    // a named pipe must not hold the worker up
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw Self.fault(path, errno) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw Self.fault(path, errno) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw Fault("\(path) is not a regular file") }
    guard status.st_size <= largest else { throw Fault("\(path) is larger than \(largest) bytes") }
    var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
    var count = 0
    while count < bytes.count {
      let got = bytes.withUnsafeMutableBytes { read(descriptor, $0.baseAddress?.advanced(by: count), $0.count - count) }
      if got < 0, errno == EINTR { continue }
      guard got >= 0 else { throw Self.fault(path, errno) }
      guard got > 0 else { break }
      count += got
    }
    guard let text = String(validating: bytes[..<count], as: UTF8.self) else { throw Fault("\(path) is not UTF-8") }
    self.text = text
    self.isExposed = status.st_mode & 0o007 != 0
  }

  private static func fault(_ path: String, _ code: CInt) -> Fault {
    switch code {
    case ENOENT, ENOTDIR: Fault("\(path) does not exist; check the path")
    case EACCES, EPERM: Fault("\(path) may not be read by this process; check its owner and mode")
    case EISDIR: Fault("\(path) is a directory; name a file")
    default: Fault("\(path) can't be read (errno \(code))")
    }
  }

  /// What to say of files that others may read; the first few by name.
  static func warnings(exposed paths: [String]) -> [String] {
    var warnings = paths.prefix(10).map {
      "\($0) holds secrets and may be read by everybody on this machine; run chmod o-rwx on it"
    }
    if paths.count > 10 { warnings.append("and \(paths.count - 10) more, just as readable") }
    return warnings
  }
}

extension Secret {
  /// Why a secret can't be had; never what is in it.
  package struct Fault: Error, CustomStringConvertible {
    /// What is wrong and what to do about it.
    package let description: String
  }

  /// The secret that `text` stands for: itself, `env:NAME` or `file:PATH`.
  ///
  /// - Throws: ``Fault``.
  package init(configured text: String, environment: [String: String]) throws(Fault) {
    var source = SecretSource(directory: "", environment: environment)
    do {
      self = try source.secret(text)
    } catch {
      throw Fault(description: error.message)
    }
  }
}
