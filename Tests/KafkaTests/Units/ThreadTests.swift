import Testing

@testable import Kafka

@Suite struct ThreadTests {
  private actor Worker {
    private nonisolated let executor = DedicatedThreadExecutor(name: "test-worker")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
    private var count = 0

    func step() -> Int {
      count += 1
      return count
    }
  }

  @Test func anActorOnItsOwnThreadRunsEveryJobOnce() async {
    let worker = Worker()
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<1000 { group.addTask { _ = await worker.step() } }
    }
    #expect(await worker.step() == 1001)
  }

  @Test func aMonitorWakesWhoWaits() async throws {
    let monitor = Monitor(0)
    let sum = try await BlockingTask.run(name: "test-waiter") { _ in
      DedicatedThread.start(name: "test-updater") { for _ in 0..<100 { monitor.update { $0 += 1 } } }
      return monitor.wait { $0 == 100 ? $0 : nil }
    }
    #expect(sum == 100)
    #expect(monitor.wait(upTo: .milliseconds(1)) { $0 > 100 ? $0 : nil } == nil)
  }

  @Test func aBlockingTaskHearsOfItsCancellation() async {
    let started = Completion()
    let task = Task {
      try await BlockingTask.run(name: "test-cancelled") { isCancelled in
        started.fulfil()
        while !isCancelled() { DedicatedThread.rest(for: .milliseconds(1)) }
        throw CancellationError()
      }
    }
    #expect(await started.wait(upTo: .seconds(10)))
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
  }

  @Test func aCompletionEndsEveryWait() async {
    let completion = Completion()
    #expect(await !completion.wait(upTo: .milliseconds(1)))
    async let first = completion.wait(upTo: .seconds(30))
    async let second = completion.wait(upTo: .seconds(30))
    completion.fulfil()
    #expect(await (first, second) == (true, true))
  }

  @Test func millisecondsAreRoundedUpAndNeverNegative() {
    #expect(Duration.microseconds(1).librdkafkaMilliseconds == 1)
    #expect(Duration.milliseconds(1500).librdkafkaMilliseconds == 1500)
    #expect(Duration.seconds(-1).librdkafkaMilliseconds == 0)
    #expect(Duration.seconds(1_000_000_000).librdkafkaMilliseconds == Int32.max)
  }
}
