import CancelContract
import Synchronization
import Testing

@testable import CancelService

@Suite(.timeLimit(.minutes(1))) struct BrokerWatchTests {
  /// A cluster that answers as it is told, and what the watch said.
  private final class Cluster: Sendable {
    let answers: Mutex<[Bool]>
    let told = Mutex<[WorkerChange]>([])

    init(_ answers: [Bool]) { self.answers = Mutex(answers) }

    func watch() -> BrokerWatch {
      BrokerWatch(
        clock: SteadyClock(),
        ask: { self.answers.withLock { $0.isEmpty ? true : $0.removeFirst() } },
        tell: { change in self.told.withLock { $0.append(change) } })
    }
  }

  @Test func anIdleConnectionThatIsClosedIsNoOutage() async throws {
    let cluster = Cluster([true])
    let watch = cluster.watch()
    let run = try #require(watch.connectionsDown("1/1 brokers are down"))
    await run()
    #expect(cluster.told.withLock { $0 } == [])
    #expect(watch.outage == nil)
  }

  @Test func anOutageIsToldOnceAndItsEnd() async throws {
    let cluster = Cluster([false, false, true])
    let watch = cluster.watch()
    let run = try #require(watch.connectionsDown("1/1 brokers are down"))
    #expect(watch.connectionsDown("again") == nil, "it is being asked already")
    await run()
    let told = cluster.told.withLock { $0 }
    #expect(told.count == 2)
    guard case .brokerUnreachable(_, "1/1 brokers are down") = told[0], case .brokerReachable(let duration) = told[1]
    else {
      Issue.record("told \(told)")
      return
    }
    #expect(duration >= .seconds(1))
    #expect(watch.outage == nil)
    #expect(watch.connectionsDown("later") != nil, "the next outage is looked at again")
  }
}
