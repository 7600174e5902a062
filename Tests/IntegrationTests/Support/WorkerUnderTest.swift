import Foundation
import Synchronization
import WorkerHarness

/// The real worker as a process of its own.
final class WorkerUnderTest: Sendable {
  private let process: Process
  private let exits: AsyncStream<Int32>
  private let log: URL
  /// Set once the test ends the worker or waits for its end: until then an end is a failure.
  private let mayEnd = Atomic<Bool>(false)

  /// Starts `cancel-worker run`, or another command, with this environment; its log goes to `log`.
  ///
  /// - Parameter unreadLog: where standard error goes instead.
  convenience init(
    command: String = "run", environment: [String: String], log: URL, unreadLog: FileHandle? = nil
  ) throws {
    try self.init([command], environment: environment, log: log, unreadLog: unreadLog)
  }

  /// Starts `cancel-worker` with these arguments.
  init(_ arguments: [String], environment: [String: String], log: URL, unreadLog: FileHandle? = nil) throws {
    let process = try WorkerHarness.process(WorkerUnderTest.binary, arguments, environment: environment, log: log)
    if let unreadLog { process.standardError = unreadLog }
    let (exits, exited) = AsyncStream.makeStream(of: Int32.self)
    self.exits = exits
    process.terminationHandler = { process in
      exited.yield(process.terminationStatus)
      exited.finish()
    }
    try process.run()
    self.process = process
    self.log = log
  }

  deinit {
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
  }

  var processID: Int32 { process.processIdentifier }

  var isRunning: Bool { process.isRunning }

  /// The end of its log, for the message of a failure.
  var logTail: String { WorkerHarness.tail(of: log) }

  /// What `CANCEL_WORKER` names, or the binary beside the tests' own.
  static var binary: URL {
    ProcessInfo.processInfo.environment["CANCEL_WORKER"].map { URL(fileURLWithPath: $0) }
      ?? WorkerHarness.product("cancel-worker")
  }

  /// - Throws: `WorkerEnded` where it ended by itself, with the end of its log.
  func checkAlive() throws {
    guard !process.isRunning, !mayEnd.load(ordering: .relaxed) else { return }
    throw WorkerEnded(status: process.terminationStatus, log: WorkerHarness.tail(of: log))
  }

  func send(_ signal: Int32) {
    mayEnd.store(true, ordering: .relaxed)
    kill(process.processIdentifier, signal)
  }

  /// Waits for its end.
  @discardableResult
  func waitForExit() async -> Int32 {
    mayEnd.store(true, ordering: .relaxed)
    for await status in exits { return status }
    return process.terminationStatus
  }

  /// Kills it as a crash would, and waits until it is gone.
  func crash() async {
    send(SIGKILL)
    await waitForExit()
  }

  /// Stops it gracefully, once it listens: a process that has just been started has not taken the signal over yet, and
  /// ends by it.
  func stop() async -> Int32 {
    await waitUntilItListens()
    send(SIGTERM)
    return await waitForExit()
  }

  /// Waits until it has taken SIGTERM over, for thirty seconds at most.
  func waitUntilItListens() async {
    let deadline = ContinuousClock.now + .seconds(30)
    while isDeaf(to: SIGTERM), ContinuousClock.now < deadline {
      do { try await Task.sleep(for: .milliseconds(2)) } catch { break }
    }
  }

  /// Whether it runs and leaves the signal to the system. `false` where the system does not tell.
  private func isDeaf(to signal: Int32) -> Bool {
    guard process.isRunning, let status = try? String(contentsOfFile: "/proc/\(processID)/status", encoding: .utf8),
      let caught = status.split(separator: "\n").first(where: { $0.hasPrefix("SigCgt:") }),
      let signals = UInt64(caught.drop { $0 != "\t" }.dropFirst(), radix: 16)
    else { return false }
    return signals & 1 << (signal - 1) == 0
  }
}
