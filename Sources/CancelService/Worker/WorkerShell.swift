import CancelAPI
import CancelContract
import CancelCore
import FoundationEssentials
import Kafka
import Logging
import NIOCore

/// Performs what `Worker` decides, on one event loop.
///
/// The loop is the one on which the cancel client's connections live, so a request goes from the poll thread's hand-over
/// to the socket without another change of threads. Transactions have a thread of their own and never hold it up.
actor WorkerShell {
  /// What the worker needs of the world.
  struct Surroundings: Sendable {
    var clock: any WorkerClock
    var requests: any RequestSource
    var client: any CancelClient
    var publisher: any BatchPublisher
    var ledger: any LedgerReader
    var notifier: (any NoticePublisher)?
    var observers: [any WorkerObserver]
    var logger: Logger
  }

  nonisolated let eventLoop: any EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }

  let surroundings: Surroundings
  /// Those of the observers that change messages before the worker has them.
  private let arrivalObservers: [any WorkerObserver]
  /// How long the group may take to confirm positions.
  private let confirmationTimeout: Duration
  private let onFailure: @Sendable (any Error) -> Void
  private(set) var worker: Worker
  private(set) var directory: AccountDirectory
  private var effects: [Worker.Effect] = []
  private var wakeUp: Scheduled<Void>?
  private var isTurnPlanned = false
  /// What the clock has stepped as far as the worker knows.
  private var stepped: Duration
  /// Looks at the clock while nothing else happens.
  private var clockLook: RepeatedTask?
  /// Told when the partitions of these assignments are given up.
  private var releases: [UInt64: @Sendable () -> Void] = [:]
  private var stopped: CheckedContinuation<Handover.Ending, Never>?

  init(
    eventLoop: any EventLoop, settings: Worker.Settings, accounts: Accounts, surroundings: Surroundings,
    onFailure: @escaping @Sendable (any Error) -> Void
  ) {
    self.eventLoop = eventLoop
    self.surroundings = surroundings
    arrivalObservers = surroundings.observers.filter(\.seesArrivals)
    self.onFailure = onFailure
    confirmationTimeout = settings.drainTimeout
    directory = AccountDirectory(accounts)
    let reading = surroundings.clock.reading
    stepped = reading.stepped
    worker = Worker(
      settings, accounts: directory.quotaKeys, environments: directory.environments,
      seed: UInt64.random(in: 0 ... .max), requestID: { [uuids = RandomUUIDs()] in uuids.next() },
      at: reading.time)
  }

  /// Looks at the clock once a second, so that deadlines and switches follow it also while nothing else happens.
  func watchClock() {
    clockLook = eventLoop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in
      self.assumeIsolated { _ = $0.presentTime() }
    }
  }

  /// The worker is at its end: nothing is looked at any more.
  func endClockWatch() { clockLook?.cancel() }

  /// Takes `accounts` as all that are configured.
  func replaceAccounts(with accounts: Accounts) {
    let renewed = directory.replace(with: accounts)
    handle(.accounts(directory.quotaKeys, environments: directory.environments, renewed: renewed))
  }

  /// Takes what operators hold back from now on.
  func hold(_ holds: Holds) { handle(.holds(holds)) }

  /// Sends no further call, lets those in flight finish, and publishes what is settled; bounded.
  func stop() async -> Handover.Ending {
    await withCheckedContinuation { continuation in
      stopped = continuation
      handle(.stop)
    }
  }

  /// Hands an event to the worker, from any thread.
  nonisolated func submit(_ event: Worker.Event) {
    eventLoop.execute { self.assumeIsolated { $0.handle(event) } }
  }

  /// Hands an event to the worker: at once where it comes on the event loop, as the client's answers do.
  private nonisolated func take(_ event: Worker.Event) {
    guard eventLoop.inEventLoop else { return submit(event) }
    assumeIsolated { $0.handle(event) }
  }

  /// Hands messages to the worker, from any thread; `stepped` is what the clock that told their receipt had stepped.
  nonisolated func submit(_ messages: [IncomingMessage], number: UInt64, credit: Int, stepped: Duration) {
    eventLoop.execute {
      self.assumeIsolated { shell in
        let now = shell.presentTime()
        var messages = messages
        if stepped != shell.stepped {
          for index in messages.indices { messages[index].clockStepped(by: shell.stepped - stepped) }
        }
        let announced = shell.announced(messages, number, at: now)
        shell.handle(.messages(announced, number: number, credit: credit), at: now)
      }
    }
  }

  /// The partitions of an assignment are asked back; `released` is called when they are given up.
  nonisolated func revoke(number: UInt64, released: @escaping @Sendable () -> Void) {
    eventLoop.execute {
      self.assumeIsolated { shell in
        shell.releases[number] = released
        shell.handle(.revoked(number: number))
      }
    }
  }

  private func handle(_ event: Worker.Event) { handle(event, at: presentTime()) }

  /// The present time. Where the clock has stepped, the worker is told first: no event is taken before it knows.
  func presentTime() -> Timestamp {
    let reading = surroundings.clock.reading
    if reading.stepped != stepped {
      let step = reading.stepped - stepped
      stepped = reading.stepped
      handle(.clockStepped(by: step), at: reading.time)
    }
    return reading.time
  }

  private func handle(_ event: Worker.Event, at now: Timestamp) {
    var effects: [Worker.Effect] = []
    swap(&effects, &self.effects)
    worker.handle(event, at: now, into: &effects)
    perform(effects.span, at: now)
    effects.removeAll(keepingCapacity: true)
    swap(&effects, &self.effects)
  }

  /// Performs the effects in order. A span lends them to what is not inlined: an iterator would copy each.
  private func perform(_ effects: Span<Worker.Effect>, at now: Timestamp) {
    for index in effects.indices { perform(effects[index], at: now) }
  }

  @inline(never)
  private func perform(_ effect: Worker.Effect, at now: Timestamp) {
    switch effect {
    case .send(let call): send(call)
    case .report(let report): for observer in surroundings.observers { observer.hear(report, at: now) }
    case .changed(let changes): report(changes)
    case .turnSoon: turnSoon()
    case .wake(let time): wake(at: time, now)
    case .acknowledge(let credit): surroundings.requests.acknowledge(credit)
    case .list(let list): read(list)
    case .lookUp(let lookup): lookUp(lookup)
    case .commit(let batch, let number): commit(batch, number)
    case .notify(let notices): surroundings.notifier?.publish(notices)
    case .restore(let assignment, let offset, let notBefore): restore(assignment, from: offset, after: notBefore - now)
    case .resume(let partitions, let number): surroundings.requests.resume(partitions, number: number)
    case .confirm(let positions, let number): confirm(positions, number)
    case .released(let number): releases.removeValue(forKey: number)?()
    case .stopped(let ending):
      stopped?.resume(returning: ending)
      stopped = nil
    case .fail(let error): onFailure(error)
    }
  }

  /// Lets the observers see each message that will be received before the worker does: a span that one of them begins
  /// is carried on by the request. For a message that is dropped nobody would end it.
  private func announced(
    _ messages: [IncomingMessage], _ number: UInt64, at now: Timestamp
  ) -> [IncomingMessage] {
    guard !arrivalObservers.isEmpty else { return messages }
    return messages.map { message in
      guard worker.receives(message.partition, number: number) else { return message }
      switch message {
      case .request(var request, let raw):
        for observer in arrivalObservers { observer.arrived(&request, at: now) }
        return .request(request, raw: raw)
      case .sweep(var sweep, let raw):
        for observer in arrivalObservers { observer.arrived(&sweep, at: now) }
        return .sweep(sweep, raw: raw)
      case .unreadable(var unreadable, let raw):
        for observer in arrivalObservers { observer.arrived(&unreadable, at: now) }
        return .unreadable(unreadable, raw: raw)
      }
    }
  }

  private func send(_ call: Call) {
    guard let account = directory[call.account] else {
      preconditionFailure("The engine sends calls only for accounts that are configured.")
    }
    surroundings.client.cancel(
      CancelCall(orderID: call.orderID, account: account, requestID: call.requestID)
    ) { answer in
      self.take(.answered(call, answer))
    }
  }

  /// Plans a turn for when the event loop has handed out what else has come: answers that come together cost one turn,
  /// and the calls that follow them leave together.
  private func turnSoon() {
    guard !isTurnPlanned else { return }
    isTurnPlanned = true
    eventLoop.execute {
      self.assumeIsolated { shell in
        shell.isTurnPlanned = false
        shell.handle(.timer)
      }
    }
  }

  private func read(_ list: ListCall) {
    guard let account = directory[list.account] else {
      preconditionFailure("The engine asks for lists only of accounts that are configured.")
    }
    surroundings.client.listOrders(of: account, requestID: list.requestID) { orders in
      self.submit(.listed(list.id, some: orders))
    } onAnswer: { answer in
      self.submit(.listRead(list.id, answer))
    }
  }

  private func lookUp(_ lookup: LookupCall) {
    guard let account = directory[lookup.account] else {
      preconditionFailure("The engine looks up orders only of accounts that are configured.")
    }
    surroundings.client.lookUp(lookup.orderID, of: account, requestID: lookup.requestID) { answer in
      self.submit(.lookedUp(lookup.id, answer))
    }
  }

  private func wake(at time: Timestamp, _ now: Timestamp) {
    wakeUp?.cancel()
    // The event loop counts from its own reading of the clock; a fifth of a millisecond late is never early.
    let delay = max(time - now, .zero) + .microseconds(200)
    wakeUp = eventLoop.scheduleTask(in: .microseconds(delay.microseconds)) {
      self.assumeIsolated { $0.handle(.timer) }
    }
  }

  private func commit(_ batch: CommitBatch, _ number: UInt64) {
    let publisher = surroundings.publisher
    Task {
      do {
        try await publisher.publish(batch, number: number)
        handle(.committed)
      } catch {
        handle(.commitFailed(CommitFailure(error), error))
      }
    }
  }

  private func restore(_ assignment: Assignment, from offset: Int64, after delay: Duration) {
    let ledger = surroundings.ledger
    Task {
      if delay > .zero { try? await Task.sleep(for: delay) }
      guard worker.isCurrent(assignment.number) else { return }
      do {
        try await ledger.read(assignment.partition, from: offset) { records in
          // The reader's thread waits until its records are in, so that nothing piles up.
          try self.eventLoop.submit {
            try self.assumeIsolated { shell in
              guard shell.worker.isCurrent(assignment.number) else { throw CancellationError() }
              shell.handle(.ledgerRecords(records, assignment))
            }
          }.wait()
        }
        handle(.ledgerRead(assignment))
      } catch is CancellationError {
        surroundings.logger.info(
          "restore abandoned: the partition was given up meanwhile", metadata: ["partition": "\(assignment.partition)"])
      } catch let error as KafkaError {
        surroundings.logger.warning(
          "a ledger partition can't be read now; it is read again",
          metadata: ["partition": "\(assignment.partition)", "error": "\(error)"])
        handle(.ledgerFailed(assignment, error))
      } catch {
        handle(.failed(error))
      }
    }
  }

  private func confirm(_ positions: [Int32: Int64], _ number: UInt64) {
    let (publisher, ledger) = (surroundings.publisher, surroundings.ledger)
    Task {
      do {
        let ends = try await withTimeout(confirmationTimeout) {
          let ends = try await ledger.ends(of: positions.keys.sorted())
          try await publisher.confirm(positions: positions, number: number)
          return ends
        }
        handle(.confirmed(ends, number: number))
      } catch {
        surroundings.logger.info("partitions are given up for good", metadata: ["reason": "\(error)"])
        handle(.confirmed(nil, number: number))
      }
    }
  }
}

/// Runs `body`, and stops waiting for it when `timeout` has passed: what it does then goes on by itself.
private func withTimeout<Value: Sendable>(
  _ timeout: Duration, _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value {
  let (outcomes, outcome) = AsyncStream.makeStream(of: Result<Value, any Error>.self)
  let work = Task {
    do { outcome.yield(.success(try await body())) } catch { outcome.yield(.failure(error)) }
  }
  let timer = Task {
    try await Task.sleep(for: timeout)
    outcome.yield(.failure(ConfirmationTimedOut(timeout: timeout)))
  }
  defer {
    work.cancel()
    timer.cancel()
  }
  guard let first = await outcomes.first(where: { _ in true }) else { throw CancellationError() }
  return try first.get()
}

/// The group did not confirm the positions of partitions that are given up in time.
struct ConfirmationTimedOut: Error, CustomStringConvertible {
  var timeout: Duration

  var description: String { "the group did not confirm their positions within \(timeout)" }
}
