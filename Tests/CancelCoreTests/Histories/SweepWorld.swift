import CancelContract

@testable import CancelCore

/// A worker with one partition in virtual time, that sweeps accounts at an API of its own: lists lag behind cancels,
/// orders appear and fill, lists and calls fail, commits are aborted, and the worker is killed at any time.
struct SweepWorld {
  /// An order as the API has it.
  struct Pending {
    var isGoneFrom = Timestamp.distantFuture
    /// Until when it is listed, although it is gone.
    var isListedUntil = Timestamp.distantFuture
  }

  struct Settings {
    var lag = Duration.zero
    var listFault = 0.0
    var callFault = 0.0
    var abort = 0.0
    var kill = 0.0
    var listChunk = 7
  }

  let settings: Settings
  var policy: CancelPolicy
  private(set) var random: SplitMix64
  private(set) var now = at(0)
  private(set) var engine: CancelEngine
  var pending: [OrderKey: Pending] = [:]

  /// What a reader of committed records sees.
  private(set) var results: [CancelResult] = []
  private(set) var confirmations: [ConfirmationEvent] = []
  private(set) var campaigns: [String: CampaignRecord] = [:]
  private(set) var ledger: [[UInt8]: [UInt8]] = [:]
  private(set) var position: Int64 = 0
  private(set) var calls: [(order: OrderKey, at: Timestamp)] = []
  private(set) var lists: [(account: AccountName, at: Timestamp)] = []
  private(set) var lookups: [Timestamp] = []
  private(set) var kills = 0
  private(set) var aborts = 0
  private(set) var changes: [EngineChange] = []

  private enum Sent {
    case call(Call)
    case list(ListCall, [OrderID])
    case lookup(LookupCall)
  }
  private var flights: [(at: Timestamp, sent: Sent)] = []
  private enum Logged {
    case sweep(ReceivedSweep)
    case cancel(ReceivedRequest)
  }
  private var log: [Logged] = []
  private var read: Int64 = 0
  private var assignments: UInt64 = 0
  private var ids = RequestIDs()
  private let accounts: Int

  init(_ settings: Settings = Settings(), policy: CancelPolicy = CancelPolicy(), accounts: Int = 1, seed: UInt64 = 1) {
    self.settings = settings
    self.policy = policy
    self.accounts = accounts
    random = SplitMix64(seed: seed)
    engine = CancelEngine(policy: policy, defaultAccount: "a0", seed: seed)
    start()
  }

  private mutating func start() {
    assignments += 1
    engine = CancelEngine(policy: policy, defaultAccount: "a0", seed: random.next())
    let names = (0..<accounts).map { AccountName("a\($0)") }
    engine.configure(
      accounts: Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, QuotaKey(index: $0)) }),
      environments: Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0 % 2 == 0 ? .demo : .real) }),
      at: now)
    let assignment = Assignment(partition: 0, number: assignments)
    engine.assign(assignment, logEnd: Int64(log.count))
    for (key, value) in ledger.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
      do { try engine.restore(assignment, key: key, value: value, at: now) } catch { preconditionFailure("\(error)") }
    }
    engine.restored(assignment, position: position, at: now)
    read = position
    flights = []
  }

  /// The worker is killed, and started again after `pause`.
  mutating func kill(for pause: Duration = .milliseconds(500)) {
    kills += 1
    now = now + pause
    start()
  }

  /// The worker's clock is set; what is in flight takes as long as it would have.
  mutating func setClock(by step: Duration) {
    now = now + step
    for index in flights.indices { flights[index].at = flights[index].at + step }
    for key in pending.keys {
      pending[key]?.isGoneFrom.clockStepped(by: step)
      pending[key]?.isListedUntil.clockStepped(by: step)
    }
    engine.clockStepped(by: step, at: now)
    engine.advance(to: now)
  }

  mutating func addOrders(_ orders: some Sequence<Int64>, account: Int = 0) {
    for order in orders { pending[OrderKey(orderID: order, account: number(account))] = Pending() }
  }

  private func number(_ account: Int) -> AccountNumber { AccountNumber(index: Int32(account)) }

  mutating func send(_ request: SweepRequest, stampedAt: Timestamp? = nil) {
    log.append(
      .sweep(
        ReceivedSweep(
          request: request, source: SourceCoordinates(topic: "requests", partition: 0, offset: Int64(log.count)),
          producedAt: stampedAt ?? now, receivedAt: now)))
  }

  mutating func cancel(_ order: Int64, account: Int = 0, _ details: RequestDetails = RequestDetails()) {
    var request = ReceivedRequest.make(
      order: order, account: AccountName("a\(account)"), offset: Int64(log.count), producedAt: now)
    request.request.details = details
    log.append(.cancel(request))
  }

  /// Lets time pass until nothing more happens by itself, at the latest until `end`.
  mutating func run(until end: Timestamp) {
    while true {
      receive()
      sendAll()
      commit()
      let next = min(flights.map(\.at).min() ?? .distantFuture, engine.nextWake() ?? .distantFuture)
      if read < log.count { continue }
      guard next <= end else {
        // A batch that was aborted last is made again before the time is up.
        if engine.hasSomethingToCommit { continue }
        break
      }
      now = max(now, next)
      if chance(settings.kill) {
        kill()
        continue
      }
      engine.advance(to: now)
      let due = flights.filter { $0.at <= now }
      flights.removeAll { $0.at <= now }
      for flight in due { answer(flight.sent) }
    }
    now = max(now, end)
    engine.advance(to: now)
    repeat { commit() } while engine.hasSomethingToCommit
  }

  private mutating func receive() {
    guard read < log.count else { return }
    switch log[Int(read)] {
    case .sweep(var received):
      received.receivedAt = now
      _ = engine.receive(received, at: now)
    case .cancel(let received): _ = engine.receive(received, at: now)
    }
    read += 1
    engine.advance(to: now)
  }

  private mutating func sendAll() {
    while let call = engine.nextCall(at: now, requestID: { ids.next() }) {
      flights.append((now + .milliseconds(Int(random.next() % 40) + 1), .call(call)))
    }
    while let list = engine.nextList(at: now, requestID: { ids.next() }) {
      lists.append((list.account, now))
      let listed = pending.filter { $0.value.isListedUntil > now && name($0.key.account) == list.account }
      let orders = listed.keys.map(\.orderID).sorted().compactMap { OrderID($0) }
      flights.append((now + .milliseconds(Int(random.next() % 80) + 1), .list(list, orders)))
    }
    while let lookup = engine.nextLookup(at: now, requestID: { ids.next() }) {
      lookups.append(now)
      flights.append((now + .milliseconds(Int(random.next() % 40) + 1), .lookup(lookup)))
    }
  }

  private func name(_ number: AccountNumber) -> AccountName { AccountName("a\(number.index)") }

  private mutating func answer(_ sent: Sent) {
    switch sent {
    case .call(let call):
      let key = OrderKey(orderID: call.orderID.value, account: number(Int(call.account.description.dropFirst()) ?? 0))
      if chance(settings.callFault) {
        // Half of the calls that fail were carried out.
        if chance(0.5) { cancelOrder(key) }
        engine.answered(call.id, .make(.ambiguous, nil), at: now)
      } else {
        calls.append((key, now))
        engine.answered(call.id, cancelOrder(key) ? .accepted() : .make(.rejected, 404), at: now)
      }
    case .list(let list, let orders):
      var rest = orders[...]
      while rest.count > settings.listChunk {
        engine.listed(list.id, some: Array(rest.prefix(settings.listChunk)), at: now)
        rest = rest.dropFirst(settings.listChunk)
      }
      let isFault = chance(settings.listFault)
      engine.listed(
        list.id,
        OrderListAnswer(isFault ? .fault(.make(.transient, 503)) : .complete(OrderList(orders: orders))), at: now)
    case .lookup(let lookup):
      let key = OrderKey(
        orderID: lookup.orderID.value, account: number(Int(lookup.account.description.dropFirst()) ?? 0))
      let isGone = pending[key].map { $0.isListedUntil <= now } ?? true
      engine.lookedUp(
        lookup.id, OrderLookupAnswer(.found(OrderStatus(id: 7, name: isGone ? "Canceled" : "PendingCancel"))), at: now)
    }
    engine.advance(to: now)
  }

  @discardableResult
  private mutating func cancelOrder(_ key: OrderKey) -> Bool {
    guard let order = pending[key], order.isGoneFrom > now else { return false }
    pending[key]?.isGoneFrom = now
    pending[key]?.isListedUntil = now + settings.lag
    return true
  }

  private mutating func commit() {
    while let batch = engine.nextBatch(limit: Int(random.next() % 40) + 1) {
      if chance(settings.abort) {
        aborts += 1
        engine.aborted()
        // The next batch is made in the next round.
        return
      }
      results += batch.results
      confirmations += batch.confirmations
      for update in batch.campaigns { campaigns[update.campaignID] = update.record }
      for entry in batch.ledger { ledger[entry.key] = entry.value }
      if let next = batch.positions[0] { position = next }
      engine.committed()
      engine.advance(to: now)
    }
    changes += engine.takeChanges()
  }

  private mutating func chance(_ probability: Double) -> Bool {
    probability > 0 && Double(random.next() >> 11) / Double(1 << 53) < probability
  }
}
