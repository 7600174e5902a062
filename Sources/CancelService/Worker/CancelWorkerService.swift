import CancelAPI
import CancelContract
import CancelCore
import Kafka
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle

/// The worker: from its start to its end it reads requests, cancels orders and publishes results.
///
/// A `Service`: it stops gracefully when its service group does. It ends by itself only by throwing what it can't go on
/// with; the supervisor starts it again.
public final class CancelWorkerService: Service {
  private let setup: WorkerSetup
  private let logger: Logger
  private let group: MultiThreadedEventLoopGroup
  private let client: any CancelClient
  private let producer: KafkaProducer
  private let member: GroupMember
  private let shell: WorkerShell
  private let clock: SteadyClock
  private let broker: BrokerWatch
  private let failures: AsyncStream<any Error>
  /// Questions come from other threads and may come late: the event loop that answers them ends with the worker.
  private let queries = QueryGate()
  /// Topics that were created a moment ago are not known to every broker at once.
  private static let topicsMayTake = Duration.seconds(5)
  /// Whether the worker does its job, and if not, why.
  public let readiness = Readiness()

  /// A worker that has not been started.
  ///
  /// - Parameters:
  ///   - client: makes the client that cancels orders, on the worker's event loop.
  ///   - observers: hear what the worker does, on its event loop.
  /// - Throws: `CancelClientError` or `KafkaError` for a configuration that can't work.
  public init(
    setup: WorkerSetup, client: any CancelClientFactory, observers: [any WorkerObserver], logger: Logger
  ) throws {
    self.setup = setup
    self.logger = logger
    group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    clock = SteadyClock()
    broker = BrokerWatch(clock: clock, ask: BrokerWatch.asking(setup.kafka)) { change in
      for observer in observers { observer.changed(change) }
    }
    member = GroupMember(topic: setup.topics.requests)
    let isTransactional = setup.guarantee == .exactlyOnce
    producer = try KafkaProducer(
      configuration: setup.kafka, transactionalID: isTransactional ? setup.transactionalID : nil, logger: logger)
    let records = BatchRecords(
      topics: setup.topics, worker: WorkerIdentity(instance: setup.instanceID, version: setup.version),
      eventSource: setup.eventSource)
    let publisher: any BatchPublisher =
      isTransactional
      ? TransactionalPublisher(producer: producer, member: member, records: records)
      : FlushingPublisher(producer: producer, member: member, records: records, logger: logger)
    let notifier = setup.policy.progressAfter == nil ? nil : try ProgressPublisher(setup: setup, logger: logger)
    // The client comes last: it must be shut down once it exists, so nothing may throw after it.
    self.client = try client.makeClient(on: group.next(), version: setup.version, logger: logger)
    let (failures, failed) = AsyncStream.makeStream(of: (any Error).self, bufferingPolicy: .bufferingOldest(1))
    self.failures = failures
    shell = WorkerShell(
      eventLoop: group.next(),
      settings: setup.workerSettings,
      accounts: setup.accounts,
      surroundings: WorkerShell.Surroundings(
        clock: clock, requests: member, client: self.client, publisher: publisher,
        ledger: LedgerRestorer(configuration: setup.kafka, topic: setup.topics.ledger, logger: logger),
        notifier: notifier, observers: observers + [readiness], logger: logger),
      onFailure: { error in failed.yield(error) })
  }

  /// Runs until the service group shuts down.
  ///
  /// - Throws: what the worker can't go on with: a fenced producer, an unreadable ledger, topics that don't fit.
  public func run() async throws {
    let stop = Completion()
    try await withGracefulShutdownHandler {
      do {
        let deadline = try await work(until: stop)
        await close(by: deadline)
      } catch {
        await close(by: .now + .seconds(5))
        throw error
      }
    } onGracefulShutdown: {
      stop.fulfil()
    }
  }

  /// Takes `accounts` as all that are configured; requests that wait for one that is gone are answered `failed`.
  public func replaceAccounts(with accounts: Accounts) async {
    await queries.pass { await shell.replaceAccounts(with: accounts) }
  }

  /// The worker as it is now; `nil` once it has ended.
  package func snapshot(startedAt: Timestamp) async -> WorkerSnapshot? {
    var snapshot = await queries.pass {
      await shell.snapshot(
        startedAt: startedAt, instance: setup.instanceID, version: setup.version, missing: readiness.missing)
    }
    if let outage = broker.outage {
      snapshot?.brokerUnreachableSince = outage.since
      snapshot?.notReady.append(.init("broker-unreachable", "no broker can be reached: \(outage.reason)"))
    }
    return snapshot
  }

  /// Whether the worker's event loop answers.
  package func heartbeat() async -> Bool {
    await queries.pass { await shell.answers } ?? false
  }

  /// - Returns: when the stop is to have come to its end.
  private func work(until stop: Completion) async throws -> ContinuousClock.Instant {
    readiness.wait(for: .broker)
    try await start(stop)
    guard !stop.isDone, !Task.isCancelled else { return .now + .seconds(5) }
    let bridge = ConsumerBridge(
      shell: shell,
      decoder: RequestDecoder(echoedHeaderNames: setup.echoedHeaders, maximumBytes: setup.maximumRequestBytes),
      clock: clock,
      broker: broker,
      logger: logger,
      revokeTimeout: setup.drainTimeout * 3 + .seconds(5))
    let consumer = KafkaConsumer(
      configuration: setup.kafka, groupID: setup.groupID, groupInstanceID: setup.instanceID,
      topics: [setup.topics.requests], handler: bridge, logger: logger, maxOutstanding: min(20_000, setup.maxPending))
    member.attach(consumer)
    // The consumer holds on to its handler, and with it to all that holds the member.
    defer { member.attach(nil) }
    await shell.watchClock()
    let holds = HoldFollower(configuration: setup.kafka, topic: setup.topics.control, logger: logger)
    guard let standing = await standingHolds(holds, stop) else { return .now + .seconds(5) }
    await shell.hold(standing.holds)
    let following = Task { [shell] in await holds.follow(from: standing) { await shell.hold($0) } }
    defer { following.cancel() }
    try consumer.start()
    readiness.wait(for: .assignment)
    logger.info("worker started", metadata: ["instance": "\(setup.instanceID)", "group": "\(setup.groupID)"])

    let failure = await firstFailure(or: stop)
    readiness.wait(for: .stop)
    let deadline = ContinuousClock.now + setup.drainTimeout + CancelWorkerService.stopTakesBeyondTheDrain
    if failure == nil {
      logger.info("stopping: calls in flight may finish")
      tell(await shell.stop())
    }
    // The producer is closed after it, and needs a part of the time.
    await consumer.close(timeout: max(.milliseconds(500), deadline - .now - .seconds(2)))
    if let failure { throw failure }
    if let late = await shell.worker.failure { throw late }
    return deadline
  }

  /// A stop ends this long after its drain at the latest, also where a topic can't be written.
  package static let stopTakesBeyondTheDrain = Duration.seconds(5)

  private func tell(_ ending: Handover.Ending) {
    let left: Logger.Metadata = [
      "open_requests": "\(ending.openRequests)", "unpublished_results": "\(ending.unpublishedResults)",
    ]
    if ending.isDrained, ending.isCommitted {
      logger.info("stopped: the next owner answers what is left open", metadata: left)
    } else {
      logger.warning(
        "the stop ran out of time: the next owner answers what is left open",
        metadata: left.merging([
          "calls_answered": "\(ending.isDrained)", "results_published": "\(ending.isCommitted)",
        ]) { $1 })
    }
  }

  /// Checks the topics and gets the producer ready, for as long as it takes: the broker may come later than the worker.
  private func start(_ stop: Completion) async throws {
    var failures = 0
    let topicsAreDueAt = ContinuousClock.now + CancelWorkerService.topicsMayTake
    while !stop.isDone && !Task.isCancelled {
      do {
        if setup.checksTopics { try await TopicLayout(setup.topics).check(setup.kafka, logger: logger) }
        if setup.guarantee == .exactlyOnce {
          try await producer.initTransactions(timeout: .seconds(10))
          try await warmUp(unless: stop)
        }
        return
      } catch let error as KafkaError where error.mayPass {
        failures += 1
        logger.warning("the broker is not ready; trying again", metadata: ["error": "\(error)"])
        await stop.wait(upTo: min(.seconds(10), .milliseconds(250) * (1 << min(failures, 6))))
      } catch let error as TopicsUnfit where error.mayBeYoung && ContinuousClock.now < topicsAreDueAt {
        logger.debug("topics are missing; asking again", metadata: ["error": "\(error)"])
        await stop.wait(upTo: .milliseconds(500))
      }
    }
  }

  /// A producer's first transaction takes most of a second: it is spent before the first request comes.
  private func warmUp(unless stop: Completion) async throws {
    let (topic, producer) = (setup.topics.ledger, producer)
    let ended = Completion()
    let warming = Task {
      defer { ended.fulfil() }
      try await producer.transact(offsets: [:], consumer: nil) { sink in
        try sink.send(topic: topic, partition: 0, key: Array("warm-up".utf8), value: nil)
      }
    }
    // A coordinator that goes away meanwhile may hold it up for longer than a stop can wait.
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await ended.wait() }
      group.addTask { await stop.wait() }
      await group.next()
      group.cancelAll()
    }
    if ended.isDone { try await warming.value }
  }

  /// What operators hold back, once the broker tells it: no order is called for before that is known.
  ///
  /// - Returns: `nil` where the worker is to stop.
  private func standingHolds(_ holds: HoldFollower, _ stop: Completion) async -> HoldFollower.Standing? {
    var failures = 0
    while !stop.isDone, !Task.isCancelled {
      do {
        return try await holds.read()
      } catch {
        failures += 1
        logger.warning("the control topic can't be read; trying again", metadata: ["error": "\(error)"])
        await stop.wait(upTo: min(.seconds(10), .milliseconds(250) * (1 << min(failures, 6))))
      }
    }
    return nil
  }

  private func firstFailure(or stop: Completion) async -> (any Error)? {
    await withTaskGroup(of: (any Error)?.self) { group in
      group.addTask { await self.failures.first { _ in true } }
      group.addTask {
        await stop.wait()
        return nil
      }
      let first = await group.next() ?? nil
      group.cancelAll()
      return first
    }
  }

  private func close(by deadline: ContinuousClock.Instant) async {
    await queries.close()
    await shell.endClockWatch()
    await producer.close(timeout: max(.milliseconds(500), deadline - .now - .milliseconds(500)))
    await client.shutdown()
    try? await group.shutdownGracefully()
  }
}
