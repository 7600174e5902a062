import CancelContract

@testable import CancelCore

/// An engine with one partition, in a time of its own: it jumps from one event to the next.
struct EngineDriver {
  /// A call that was sent, and when.
  struct Sent {
    var call: Call
    var at: Timestamp
  }

  var engine: CancelEngine
  private(set) var now = at(0)
  private(set) var sent: [Sent] = []
  private(set) var results: [CancelResult] = []
  /// What was written to the ledger, in order.
  private(set) var ledger: [CommitBatch.LedgerEntry] = []
  private var flights: [(answersAt: Timestamp, call: Call)] = []
  private var ids = RequestIDs()
  private var nextOffset: Int64 = 0
  private let roundTrip: Duration

  /// - Parameter accounts: the accounts `a0`, `a1`, …, each with a key of its own.
  init(policy: CancelPolicy, accounts: Int = 1, roundTrip: Duration = .milliseconds(5), seed: UInt64 = 1) {
    self.roundTrip = roundTrip
    engine = CancelEngine(policy: policy, defaultAccount: "a0", seed: seed)
    engine.configure(
      accounts: Dictionary(uniqueKeysWithValues: (0..<accounts).map { (AccountName("a\($0)"), QuotaKey(index: $0)) }),
      at: now)
    engine.assign(.first)
    engine.restored(.first, position: 0, at: now)
  }

  /// Gives the engine a request, which was produced now unless a stamp is given.
  mutating func request(
    _ order: Int64, account: Int = 0, _ priority: Priority = .routine, deadline: Timestamp? = nil,
    producedAt: Timestamp? = nil
  ) {
    nextOffset += 1
    _ = engine.receive(
      .make(
        order: order, account: AccountName("a\(account)"), priority: priority, deadline: deadline, offset: nextOffset,
        producedAt: producedAt ?? now, receivedAt: now), at: now)
  }

  /// The system's clock is set; the calls in flight take as long as they would have.
  mutating func setClock(by step: Duration) {
    now = now + step
    for index in flights.indices { flights[index].answersAt = flights[index].answersAt + step }
    engine.clockStepped(by: step, at: now)
    engine.advance(to: now)
  }

  /// Lets time pass until `end`, or until nothing is left to do; `answer` says what the API says to a call.
  mutating func run(until end: Timestamp = .distantFuture, answer: (Call, Timestamp) -> CancelAnswer) {
    while true {
      sendAll()
      let next = min(flights.first?.answersAt ?? .distantFuture, engine.nextWake() ?? .distantFuture)
      guard next <= end, !(flights.isEmpty && engine.openOrders == 0) else { break }
      now = max(now, next)
      engine.advance(to: now)
      while let first = flights.first, first.answersAt <= now {
        flights.removeFirst()
        engine.answered(first.call.id, answer(first.call, now), at: now)
      }
      commit()
    }
    if end != .distantFuture { now = max(now, end) }
    commit()
  }

  /// The first account's key proves itself with another credential from now on.
  mutating func renewCredential() {
    engine.configure(accounts: ["a0": QuotaKey(index: 0)], renewed: [QuotaKey(index: 0)], at: now)
  }

  /// Sends what may be sent.
  mutating func sendAll() {
    while let call = engine.nextCall(at: now, requestID: { ids.next() }) {
      sent.append(Sent(call: call, at: now))
      flights.append((now + roundTrip, call))
    }
  }

  /// Publishes what has gathered.
  mutating func commit() {
    while let batch = engine.nextBatch() {
      results += batch.results
      ledger += batch.ledger
      engine.committed()
    }
  }
}
