import CancelContract
import CancelService
import Testing

/// Partitions go from one worker to another and back, on an embedded cluster.
///
/// It drops the positions of transactions, so requests are read again: what is remembered answers them.
@Suite(.serialized) struct RebalanceTests {
  @Test(.timeLimit(.minutes(2)))
  func aPartitionThatComesBackReadsOnlyWhatIsNew() async throws {
    let stage = try await EmbeddedStage()
    let first = try stage.worker("first", guarantee: .exactlyOnce)
    await stage.events.wait { $0.restores(of: "first").flatMap(\.partitions).count == 4 }
    try await stage.send(1..<201)
    await stage.events.wait { $0.answered == 200 }

    let second = try stage.worker("second", guarantee: .exactlyOnce)
    await stage.events.wait { $0.restores(of: "first").last?.partitions.count == 2 }
    await stage.events.wait { $0.restores(of: "second").last?.partitions.count == 2 }
    // The first one knows what its two partitions hold; the second one has to read them.
    #expect(stage.events.state.restores(of: "first").last?.records == 0)
    let restoredBySecond = try #require(stage.events.state.restores(of: "second").last?.records)
    #expect(restoredBySecond > 50)

    try await stage.send(201..<301)
    await stage.events.wait { $0.answered == 300 }
    try await second.stop()
    await stage.events.wait { $0.restores(of: "first").last?.partitions.count == 4 }
    // What the second one wrote to the two that it had, and nothing of the first one's own.
    let back = try #require(stage.events.state.restores(of: "first").last?.records)
    #expect(back > 0)
    #expect(back < restoredBySecond)

    try await stage.send(1..<301)
    await stage.events.wait { $0.answered == 600 }
    try await first.stop()
    #expect(stage.simulator.state.callsPerOrder.values.allSatisfy { $0 == 1 })
    #expect(stage.simulator.state.totalCalls == 300)
    await stage.clear()
  }
}
