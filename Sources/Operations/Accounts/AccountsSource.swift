import CancelAPI
import CancelContract
import Foundation
import Synchronization

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

/// In which environment each configured account lives, for labels and traces; safe to ask from any thread.
public final class AccountEnvironments: Sendable {
  private struct Table {
    var byName: [AccountName: APIEnvironment] = [:]
    /// The one that all accounts share, where they do: the usual case costs no look-up.
    var only: APIEnvironment?
  }

  private let table: Mutex<Table>

  /// The environments of these accounts.
  public init(_ accounts: Accounts) {
    self.table = Mutex(Self.table(of: accounts))
  }

  /// Takes `accounts` as all that are configured.
  public func replace(with accounts: Accounts) {
    let new = Self.table(of: accounts)
    table.withLock { $0 = new }
  }

  /// The account's environment; `nil` where the account is not configured.
  public subscript(name: AccountName) -> APIEnvironment? {
    table.withLock { $0.only ?? $0.byName[name] }
  }

  private static func table(of accounts: Accounts) -> Table {
    var table = Table()
    for name in accounts.names { table.byName[name] = accounts[name]?.environment }
    let all = Set(table.byName.values)
    table.only = all.count == 1 ? all.first : nil
    return table
  }
}
