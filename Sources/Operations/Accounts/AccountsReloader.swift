import CancelAPI
import CancelService
import Logging
import ServiceLifecycle
import UnixSignals

/// Reads the accounts again on SIGHUP and when one of their files changed; faulty accounts leave those in force as they
/// are.
struct AccountsReloader: Service {
  let source: AccountsSource
  let initial: AccountsFile
  let worker: CancelWorkerService
  let surface: OperatorSurface
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
    for await _ in await UnixSignalsSequence(trapping: .sighup) { _ = await reload() }
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
