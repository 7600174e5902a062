import Dispatch
import Foundation
import Kafka
import Synchronization

/// A signal ended a command before it had done its work.
struct Interrupted: Error {
  let signal: Int32

  /// As shells tell it: 130 for SIGINT, 143 for SIGTERM.
  var status: Int32 { 128 + signal }
}

/// Runs a command's work until it is done or a signal comes. The first SIGINT or SIGTERM cancels it and gives it a while
/// to end in order; the second one ends the process at once.
///
/// - Parameter drain: how long the work may take to end once it is cancelled. Calls that block and know no cancellation
///   are left behind then.
/// - Throws: `Interrupted` where a signal came, whatever became of the work; else what the work throws.
func interruptible<Value: Sendable>(
  drain: Duration = .seconds(3), _ work: @escaping @Sendable () async throws -> Value
) async throws -> Value {
  let outcome = Mutex<Result<Value, any Error>?>(nil)
  let settled = Completion()
  let signalled = Completion()
  let trapped = Completion()
  let task = Task {
    // What the work says may have somebody send a signal at once.
    await trapped.wait()
    let result: Result<Value, any Error>
    do { result = .success(try await work()) } catch { result = .failure(error) }
    outcome.withLock { $0 = result }
    settled.fulfil()
  }
  let trap = SignalTrap {
    signalled.fulfil()
    task.cancel()
  }
  trapped.fulfil()
  defer { trap.remove() }
  await withTaskGroup(of: Void.self) { group in
    group.addTask { await settled.wait() }
    group.addTask { await signalled.wait() }
    await group.next()
    group.cancelAll()
  }
  if let signal = trap.received {
    await settled.wait(upTo: drain)
    throw Interrupted(signal: signal)
  }
  guard let result = outcome.withLock({ $0 }) else {
    preconditionFailure("work that is settled has an outcome")
  }
  return try result.get()
}

/// A command that a signal ends with the signal's status and nothing to say.
func untilInterrupted<Value: Sendable>(_ work: @escaping @Sendable () async throws -> Value) async throws -> Value {
  do {
    return try await interruptible { try await work() }
  } catch let error as Interrupted {
    throw CommandFailure(status: error.status, "")
  }
}

/// Takes SIGINT and SIGTERM over while it stands.
///
/// `@unchecked`: `sources` is set while it is made and read only by `remove`, which its one owner calls.
private final class SignalTrap: @unchecked Sendable {
  private static let signals = [SIGINT, SIGTERM]
  private let first = Atomic<Int32>(0)
  private var sources: [any DispatchSourceSignal] = []

  init(onFirst: @escaping @Sendable () -> Void) {
    let queue = DispatchQueue(label: "cancel-worker.signals")
    for number in Self.signals {
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
      source.setEventHandler { [self] in
        let (isFirst, _) = first.compareExchange(expected: 0, desired: number, ordering: .relaxed)
        guard isFirst else { _exit(128 + number) }
        onFirst()
      }
      source.resume()
      sources.append(source)
    }
  }

  /// The first signal that came.
  var received: Int32? {
    let number = first.load(ordering: .relaxed)
    return number == 0 ? nil : number
  }

  /// Leaves the signals to the system again, which ends the process at the next one.
  func remove() {
    for source in sources { source.cancel() }
    sources = []
    for number in Self.signals { signal(number, SIG_DFL) }
  }
}
