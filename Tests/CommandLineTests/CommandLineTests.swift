import ArgumentParser
import EToroSimulator
import Foundation
import Testing

@testable import cancel_worker

@Suite struct CommandLineTests {
  @Test(arguments: [
    ["run"], ["demo"], ["request", "1"], ["watch"], ["simulate"], ["topics", "create"], ["topics", "describe"],
    ["check"],
  ])
  func everyCommandIsThere(arguments: [String]) throws {
    _ = try CancelWorker.parseAsRoot(arguments)
  }

  @Test(arguments: [
    ["demo", "--requests", "0"], ["demo", "--duplicates", "2"], ["demo", "--scenario", "no"], ["fly"],
    ["topics", "create", "--replication-factor", "0"], ["topics", "create", "--partitions", "0"],
  ])
  func badOptionsAreRefused(arguments: [String]) {
    #expect(throws: (any Error).self) { try CancelWorker.parseAsRoot(arguments) }
  }

  @Test func simulatorOptionsAreTaken() throws {
    let options = try SimulatorOptions.parse(["--quota", "3", "--window", "2s", "--delay", "5ms"])
    let configuration = try options.configuration()
    #expect(configuration.quota == 3)
    #expect(configuration.window == .seconds(2))
    #expect(configuration.faults.delay == .milliseconds(5))
    let pending = try SimulatorOptions.parse(["--pending", "a=b=3", "--pending", "k=2:real", "--list-lag", "2s"])
    #expect(
      try pending.pending().map { "\($0)" } == [
        #"(key: "a=b", environment: "demo", count: 3)"#, #"(key: "k", environment: "real", count: 2)"#,
      ])
    #expect(try pending.configuration().listLag == .seconds(2))
    for wrong in [
      ["--pending", "k"], ["--pending", "=3"], ["--pending", "k=x"], ["--pending", "k=3:paper"], ["--fill-rate", "2"],
      ["--closing-orders=-1"], ["--window", "soon"], ["--server-error-rate", "7"], ["--hang-rate=-0.1"],
      ["--port", "70000"],
      ["--unavailable-rate", "0.6", "--lost-answer-rate", "0.6"], ["--quota=-1"],
    ] {
      #expect(throws: (any Error).self, "\(wrong)") { try SimulatorOptions.parse(wrong) }
    }
  }

  @Test(arguments: 0..<20)
  func theDemosLoadIsTheSameForTheSameSeed(seed: UInt64) {
    func mix() -> RequestMix {
      RequestMix(seed: seed, duplicates: 0.3, garbage: 0.02, refusals: 0.05, accounts: ["a", "b"])
    }
    var (first, second) = (mix(), mix())
    for _ in 0..<200 { #expect(first.next().value == second.next().value) }
    #expect(first.orders == second.orders)
  }
}
