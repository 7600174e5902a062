import CancelContract
import EToroSimulator
import Foundation
import Kafka
import Testing

@testable import cancel_worker

/// A steady load with faults of the API for `SOAK_MINUTES`: what the process holds doesn't grow, nothing is lost.
///
/// `SOAK_RATE` is the requests a second, 100 by default. `CANCEL_WORKER` names another binary, such as a release build.
@Suite(.enabled(if: TestBroker.bootstrap != nil && SoakLoad.minutes > 0, "SOAK_MINUTES is not set"))
struct SoakTests {
  @Test func aSteadyLoadWithFaultsLeavesTheProcessAsItWas() async throws {
    let seed = testSeed()
    var simulation = SimulatorConfiguration()
    simulation.quota = 0
    simulation.seed = seed
    simulation.mostCallsKept = 1000
    simulation.faults.jitter = .milliseconds(40)
    simulation.faults.serverErrorRate = 0.01
    simulation.faults.unavailableRate = 0.01
    simulation.faults.lostAnswerRate = 0.005
    simulation.faults.hangRate = 0.001
    simulation.faults.garbageRate = 0.005
    // What is remembered is meant to grow for as long as the window is: a short one shows whether it ends.
    let stage = try await Stage.make(
      simulation: simulation,
      settings: [
        "QUOTA_CALLS": "0", "API_TIMEOUT": "1s", "DEDUP_ACCEPTED_WINDOW": "60s", "LOG_LEVEL": "warning",
      ])
    let worker = try stage.worker()
    var mix = RequestMix(seed: seed, duplicates: 0.2, garbage: 0.01)
    var samples: [ProcessSample] = []
    let producer = try KafkaProducer(
      configuration: TestBroker.configuration, transactionalID: nil, logger: TestBroker.logger)
    for second in 0..<SoakLoad.minutes * 60 {
      let next = ContinuousClock.now + .seconds(1)
      try await producer.publish(
        (0..<SoakLoad.rate).map { _ in mix.next() }.map {
          KafkaRecord(topic: stage.topics.names.requests, key: $0.key, value: $0.value)
        })
      if second % 10 == 9 { samples.append(try ProcessSample(of: worker.processID)) }
      if second % 60 == 59, let last = samples.last { print("soak: minute=\(second / 60 + 1) \(last)") }
      try await ContinuousClock().sleep(until: next)
    }
    await producer.close(timeout: .seconds(5))
    let results = try await stage.results(mix.produced)
    #expect(await worker.stop() == 0)
    let verdict = Verdict(requests: mix.produced, results: results)
    let outcomes = Dictionary(grouping: results, by: \.outcome).mapValues(\.count)
    print("soak: \(verdict) outcomes=\(outcomes)")
    #expect(verdict.missing == 0 && verdict.repeated == 0)

    // The first third is for warming up, and for the memory of settled orders to reach its window.
    let settled = samples[(samples.count / 3)...]
    let early = ProcessSample.median(settled.prefix(settled.count / 3))
    let late = ProcessSample.median(settled.suffix(settled.count / 3))
    print("soak: early \(early); late \(late)")
    #expect(late.residentKilobytes < early.residentKilobytes * 11 / 10)
    #expect(late.threads <= early.threads + 1)
    #expect(late.descriptors <= early.descriptors + 8)
    await stage.clear()
  }
}

/// The load, as the environment tells it.
private enum SoakLoad {
  static let minutes = number("SOAK_MINUTES", otherwise: 0)
  static let rate = number("SOAK_RATE", otherwise: 100)

  private static func number(_ name: String, otherwise: Int) -> Int {
    ProcessInfo.processInfo.environment[name].flatMap { Int($0) } ?? otherwise
  }
}
