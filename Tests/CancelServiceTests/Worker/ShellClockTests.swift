import CancelAPI
import CancelContract
import CancelCore
import FoundationEssentials
import Kafka
import Logging
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import CancelService

/// The shell with a clock that is set, between a topic, an API and a ledger that are there at once.
@Suite(.timeLimit(.minutes(1))) struct ShellClockTests {
  /// A system whose clocks go on when they are told to.
  private final class Clocks: Sendable {
    private let times = Mutex((monotonic: Int64(0), wall: Int64(1_700_000_000_000_000)))

    var now: Timestamp { Timestamp(microseconds: times.withLock { $0.wall }) }

    var steady: SteadyClock {
      SteadyClock(monotonic: { self.times.withLock { $0.monotonic } }, wall: { self.times.withLock { $0.wall } })
    }

    func pass(_ duration: Duration) {
      times.withLock { $0 = ($0.monotonic + duration.microseconds, $0.wall + duration.microseconds) }
    }

    func set(by step: Duration) { times.withLock { $0.wall += step.microseconds } }
  }

  private struct Requests: RequestSource {
    func resume(_ partitions: [Int32], number: UInt64) {}
    func acknowledge(_ credit: Int) {}
    func commit(_ positions: [Int32: Int64], number: UInt64) async throws {}
    var lagByPartition: [Int32: Int64] { [:] }
  }

  private struct EmptyLedger: LedgerReader {
    func read(
      _ partition: Int32, from offset: Int64, onRecords: @escaping @Sendable ([KafkaMessage]) throws -> Void
    ) async throws {}
    func ends(of partitions: [Int32]) async throws -> [Int32: Int64] { [:] }
  }

  private struct AcceptingClient: CancelClient {
    func cancel(_ call: CancelCall, onAnswer: @escaping @Sendable (CancelAnswer) -> Void) {
      onAnswer(CancelAnswer(kind: .accepted, httpStatus: 200, token: "t"))
    }
    func listOrders(
      of account: Account, requestID: UUID, onOrders: @escaping @Sendable ([OrderID]) -> Void,
      onAnswer: @escaping @Sendable (OrderListAnswer) -> Void
    ) {
      onAnswer(OrderListAnswer(.complete(OrderList(orders: []))))
    }
    func lookUp(
      _ orderID: OrderID, of account: Account, requestID: UUID,
      onAnswer: @escaping @Sendable (OrderLookupAnswer) -> Void
    ) {
      onAnswer(OrderLookupAnswer(.found(OrderStatus(id: 7, name: "Canceled"))))
    }
    func shutdown() async {}
  }

  private struct Publisher: BatchPublisher {
    func publish(_ batch: CommitBatch, number: UInt64) async throws {}
    func confirm(positions: [Int32: Int64], number: UInt64) async throws {}
  }

  private struct ChangeObserver: WorkerObserver {
    let told: @Sendable (WorkerChange) -> Void
    func changed(_ change: WorkerChange) { told(change) }
  }

  /// A shell that owns partition 0.
  private struct Bench {
    let clocks = Clocks()
    let clock: SteadyClock
    let shell: WorkerShell
    let events = WorkerEvents()
    let changes = Changes()

    init() async throws {
      clock = clocks.steady
      let account = try Account(
        name: "default", environment: .demo, credential: .keyPair(apiKey: Secret("k"), userKey: Secret("u")))
      let loop = MultiThreadedEventLoopGroup.singleton.next()
      let changes = changes
      shell = WorkerShell(
        eventLoop: loop, settings: Worker.Settings(), accounts: Accounts([account]),
        surroundings: WorkerShell.Surroundings(
          clock: clock, requests: Requests(), client: AcceptingClient(), publisher: Publisher(),
          ledger: EmptyLedger(), notifier: nil,
          observers: [events.observer("shell"), ChangeObserver { changes.add($0) }],
          logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }),
        onFailure: { _ in })
      shell.submit(.assigned([0: Worker.Start(position: nil, logEnd: 0)], number: 1))
      await events.wait { !$0.restores.isEmpty }
    }

    /// A request that was read when the clock told `received`.
    func message(_ offset: Int64, producedAt: Timestamp?, received: SteadyClock.Reading) -> IncomingMessage {
      let message = KafkaMessage(
        topic: "requests", partition: 0, offset: offset,
        timestampMilliseconds: producedAt.map { $0.microseconds / 1000 },
        value: Array("{\"orderId\":\(offset + 1)}".utf8))
      let decoder = RequestDecoder(echoedHeaderNames: [], maximumBytes: 1000)
      return IncomingMessage(message, decoder: decoder, receivedAt: received.time)
    }

    func send(_ message: IncomingMessage, _ received: SteadyClock.Reading) {
      shell.submit([message], number: 1, credit: 1, stepped: received.stepped)
    }
  }

  /// What was told, for many threads.
  private final class Changes: Sendable {
    private let values = Mutex<[WorkerChange]>([])
    func add(_ change: WorkerChange) { values.withLock { $0.append(change) } }
    var all: [WorkerChange] { values.withLock { $0 } }
  }

  @Test func aClockThatIsSetRightEndsTheExpiring() async throws {
    let bench = try await Bench()
    // The machine is a quarter of an hour ahead: a request of this moment seems to be old.
    let received = bench.clock.reading
    bench.send(bench.message(0, producedAt: bench.clocks.now - .seconds(900), received: received), received)
    await bench.events.wait { $0.published.count == 1 }
    #expect(bench.events.state.published.map(\.outcome) == [.expired])

    bench.clocks.set(by: .seconds(-900))
    bench.clocks.pass(.seconds(1))
    let later = bench.clock.reading
    bench.send(bench.message(1, producedAt: bench.clocks.now, received: later), later)
    await bench.events.wait { $0.published.count == 2 }
    #expect(bench.events.state.published.map(\.outcome) == [.expired, .accepted])
    #expect(bench.changes.all == [.clockStepped(by: .seconds(-900))])
  }

  @Test(arguments: [900, -900] as [Int64])
  func whatWasReadBeforeTheClockWasSetIsToldByTheClockAsItIs(step: Int64) async throws {
    let bench = try await Bench()
    // It has no stamp, so it counts as produced when it was read.
    let received = bench.clock.reading
    let message = bench.message(0, producedAt: nil, received: received)
    bench.clocks.set(by: .seconds(step))
    bench.clocks.pass(.seconds(1))
    bench.send(message, received)
    await bench.events.wait { $0.published.count == 1 }
    let result = try #require(bench.events.state.published.first)
    #expect(result.outcome == .accepted)
    #expect(result.stages.received == bench.clocks.now - .seconds(1))
    #expect(result.stages.produced == result.stages.received)
  }

  @Test func theClockIsLookedAtWhileNothingElseHappens() async throws {
    let bench = try await Bench()
    await bench.shell.watchClock()
    bench.clocks.set(by: .seconds(60))
    bench.clocks.pass(.seconds(1))
    while bench.changes.all.isEmpty { try await Task.sleep(for: .milliseconds(20)) }
    #expect(bench.changes.all == [.clockStepped(by: .seconds(60))])
    let snapshot = await bench.shell.snapshot(
      startedAt: bench.clock.now, instance: "i", version: "v", missing: nil)
    #expect(snapshot.clockDifference == .seconds(60))
    await bench.shell.endClockWatch()
  }
}
