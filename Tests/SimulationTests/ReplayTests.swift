import Foundation
import Simulation
import Testing
import WorkerHarness

/// A history that was found on one machine is the same on every other: nothing in the worker depends on the order of a
/// dictionary, which is another in each process.
@Suite struct ReplayTests {
  @Test(arguments: [3, 306, 1409] as [UInt64])
  func anotherProcessReplaysTheSameHistory(seed: UInt64) throws {
    let replay = Process()
    replay.executableURL = WorkerHarness.product("cancel-worker-simulation")
    replay.arguments = ["--replay", "\(seed)"]
    let output = Pipe()
    replay.standardOutput = output
    try replay.run()
    let lines = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
      .split(separator: "\n")
    replay.waitUntilExit()
    #expect(replay.terminationStatus == 0)
    let trace = Simulation.replay(seed: seed).trace.flatMap { $0.split(separator: "\n") }
    let difference = zip(lines, trace).first { $0 != $1 }
    #expect(difference == nil)
    #expect(lines.count == trace.count)
  }
}
