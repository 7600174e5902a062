import CancelAPI
import CancelContract
import Foundation

/// Where the accounts come from: the accounts file, or the environment.
public struct AccountsSource: Sendable {
  private let file: String?
  private let defaultAccount: AccountName
  private let environment: [String: String]

  /// The source that the configuration names.
  public init(_ configuration: WorkerConfiguration, environment: [String: String]) {
    file = configuration.accounts.file
    defaultAccount = AccountName(configuration.accounts.defaultAccount)
    self.environment = environment
  }

  /// Reads the accounts as they are now.
  ///
  /// - Throws: `AccountsFileError` with every fault at once.
  public func load() throws(AccountsFileError) -> AccountsFile {
    if let file { return try AccountsFile.load(path: file, environment: environment) }
    return try AccountsFile.fromEnvironment(environment, name: defaultAccount)
  }
}

extension AccountsSource: CustomStringConvertible, CustomReflectable {
  /// Where the accounts come from; never what the environment holds.
  public var description: String { "AccountsSource(\(file ?? "environment"))" }

  /// Nothing: the environment may hold secrets.
  public var customMirror: Mirror { Mirror(self, children: []) }
}

/// Tells whether files changed since they were last looked at, by what the file system says of them.
struct FileStamps: Equatable {
  private struct Stamp: Equatable {
    var modified: Date?
    var inode: Int?
    var size: Int?
  }

  private let stamps: [String: Stamp]

  init(paths: [String]) {
    var stamps: [String: Stamp] = [:]
    for path in paths {
      let resolved = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
      let attributes = try? FileManager.default.attributesOfItem(atPath: resolved)
      stamps[path] = Stamp(
        modified: attributes?[.modificationDate] as? Date,
        inode: (attributes?[.systemFileNumber] as? NSNumber)?.intValue,
        size: (attributes?[.size] as? NSNumber)?.intValue)
    }
    self.stamps = stamps
  }
}
