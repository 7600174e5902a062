import Foundation
import Synchronization
import Testing
import WorkerHarness

/// `cancel-worker` as a process of its own, with what it wrote.
final class RunningCommand: Sendable {
  private let process: Process
  private let output: Gathered
  private let error: Gathered
  private let startedAt = ContinuousClock.now

  /// Starts the command with nothing of this process's environment that could configure it.
  init(_ arguments: [String], environment: [String: String] = [:], input: String? = nil) throws {
    let process = Process()
    process.executableURL = WorkerHarness.product("cancel-worker")
    process.arguments = arguments
    process.environment = ["PATH": "/usr/bin:/bin", "SWIFT_BACKTRACE": "enable=no"].merging(environment) { $1 }
    output = Gathered()
    error = Gathered()
    process.standardOutput = output.pipe
    process.standardError = error.pipe
    let inputPipe = Pipe()
    process.standardInput = input == nil ? FileHandle.nullDevice : inputPipe
    try process.run()
    self.process = process
    if let input {
      DispatchQueue.global().async {
        try? inputPipe.fileHandleForWriting.write(contentsOf: Data(input.utf8))
        try? inputPipe.fileHandleForWriting.close()
      }
    }
  }

  deinit {
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
  }

  var text: String { output.text }
  var errorText: String { error.text }
  var errorLines: [String] { error.text.split(separator: "\n").map(String.init) }
  /// Since its start.
  var age: Duration { .now - startedAt }

  func send(_ signal: Int32) { kill(process.processIdentifier, signal) }

  /// Waits until what it wrote says so.
  func wait(for text: String, within limit: Duration = .seconds(60)) async throws {
    let deadline = ContinuousClock.now + limit
    while !(output.text + error.text).contains(text) {
      guard ContinuousClock.now < deadline, process.isRunning else {
        throw InVain(what: "'\(text)'", output: output.text, error: error.text)
      }
      try await Task.sleep(for: .milliseconds(10))
    }
  }

  /// Waits for its end and all that it wrote.
  @discardableResult
  func end(within limit: Duration = .seconds(60)) async throws -> Int32 {
    let deadline = ContinuousClock.now + limit
    // Children that other tests start meanwhile may hold the pipes open beyond the end.
    var endedAt: ContinuousClock.Instant?
    while process.isRunning || !output.isClosed || !error.isClosed {
      if !process.isRunning, endedAt == nil { endedAt = .now }
      if let endedAt, ContinuousClock.now - endedAt > .milliseconds(500) { break }
      guard ContinuousClock.now < deadline else {
        throw InVain(what: "the end", output: output.text, error: error.text)
      }
      try await Task.sleep(for: .milliseconds(5))
    }
    return process.terminationStatus
  }

  struct InVain: Error, CustomStringConvertible {
    var what: String
    var output: String
    var error: String
    var description: String {
      "waited in vain for \(what); output: \(output.suffix(2000)); error: \(error.suffix(2000))"
    }
  }
}

/// What came through a pipe.
private final class Gathered: Sendable {
  let pipe = Pipe()
  private let state = Mutex((data: Data(), isClosed: false))

  init() {
    pipe.fileHandleForReading.readabilityHandler = { [weak self] handle in
      let data = handle.availableData
      self?.state.withLock { state in
        if data.isEmpty { state.isClosed = true } else { state.data += data }
      }
      if data.isEmpty { handle.readabilityHandler = nil }
    }
  }

  var text: String { state.withLock { String(decoding: $0.data, as: UTF8.self) } }
  var isClosed: Bool { state.withLock { $0.isClosed } }
}
