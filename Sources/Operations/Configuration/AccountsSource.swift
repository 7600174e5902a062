import CancelAPI
import CancelContract
import CancelService
import Foundation
import Logging
import ServiceLifecycle
import Synchronization
import UnixSignals

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

/// Reads the accounts again on SIGHUP and when one of their files changed; faulty accounts leave those in force as they
/// are.
struct AccountsReloader: Service {
  let source: AccountsSource
  let initial: AccountsFile
  let worker: CancelWorkerService
  let surface: OperatorSurface
  /// Each SIGHUP.
  let signals: UnixSignalsSequence
  let logger: Logger
  /// How often the files are looked at. A mounted secret is replaced through symbolic links, of which no watch on the
  /// file itself would hear.
  var lookEvery = Duration.seconds(2)

  func run() async throws {
    await cancelWhenGracefulShutdown {
      await withTaskGroup(of: Void.self) { group in
        group.addTask { await self.reloadOnSignal() }
        group.addTask { await self.reloadOnChange() }
      }
    }
  }

  private func reloadOnSignal() async {
    for await _ in signals { _ = await reload() }
  }

  private func reloadOnChange() async {
    var paths = initial.paths
    var stamps = FileStamps(paths: paths)
    while !Task.isCancelled {
      guard (try? await Task.sleep(for: lookEvery)) != nil else { return }
      let current = FileStamps(paths: paths)
      guard current != stamps else { continue }
      if let file = await reload() { paths = file.paths }
      stamps = FileStamps(paths: paths)
    }
  }

  private func reload() async -> AccountsFile? {
    do {
      let file = try source.load()
      surface.replaceAccounts(with: file.accounts)
      await worker.replaceAccounts(with: file.accounts)
      logger.info("accounts read again", metadata: ["accounts": "\(file.accounts.count)"])
      for warning in file.warnings { logger.warning("accounts", metadata: ["warning": "\(warning)"]) }
      return file
    } catch {
      logger.error("the accounts are faulty; those in force stay", metadata: ["error": "\(error)"])
      return nil
    }
  }
}
