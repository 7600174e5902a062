import NIOCore
import Testing

@testable import HTTPTransport

struct ConnectionPoolStateMachineTests {
  private typealias Pool = ConnectionPoolStateMachine<Int>

  private func pool(
    connections: Int = 4, warm: Int = 0, maxWaiting: Int = 100, expected: Int? = 1
  ) -> Pool {
    Pool(
      limits: .init(
        connections: connections, warmConnections: warm, maxWaiting: maxWaiting, waitTimeout: .seconds(10),
        idleTimeout: .seconds(60), maxAge: .seconds(300)),
      expectedCapacity: expected)
  }

  private func time(_ seconds: Double) -> NIODeadline {
    .uptimeNanoseconds(1_000_000_000 + UInt64(seconds * 1_000_000_000))
  }

  private func connect(_ action: Pool.SubmitAction) -> [ConnectionID]? {
    if case .wait(let connect, _) = action { connect } else { nil }
  }

  private func sent(_ action: Pool.SubmitAction) -> ConnectionID? {
    if case .send(_, let id) = action { id } else { nil }
  }

  @Test func aCallMakesAConnectionAndGoesOutOnIt() {
    var pool = pool()
    #expect(connect(pool.submit(1, now: time(0))) == [1])
    let action = pool.connected(1, capacity: 1, now: time(0))
    #expect(action.send == [1] && action.connect.isEmpty)
    #expect(connect(pool.submit(2, now: time(0))) == [2])
    // the first to be free takes it
    #expect(pool.released(1, idleLimit: nil, now: time(0)) == 2)
    #expect(pool.released(1, idleLimit: nil, now: time(0)) == nil)
    #expect(sent(pool.submit(3, now: time(0))) == 1)
  }

  @Test func noMoreConnectionsThanAllowed() {
    var pool = pool(connections: 2, maxWaiting: 3)
    #expect(connect(pool.submit(1, now: time(0))) == [1])
    #expect(connect(pool.submit(2, now: time(0))) == [2])
    #expect(connect(pool.submit(3, now: time(0))) == [])
    guard case .refuse(4, .tooManyWaiting) = pool.submit(4, now: time(0)) else {
      Issue.record("the fourth was not refused")
      return
    }
  }

  @Test func theOneUsedLastIsUsedNext() {
    var pool = pool()
    for call in 1...3 { _ = pool.submit(call, now: time(0)) }
    for id in 1...3 { _ = pool.connected(id, capacity: 1, now: time(0)) }
    for id in [2, 3, 1] { _ = pool.released(id, idleLimit: nil, now: time(0)) }
    #expect(sent(pool.submit(4, now: time(0))) == 1)
    #expect(sent(pool.submit(5, now: time(0))) == 3)
  }

  @Test func oneAttemptOrTwoUntilTheProtocolIsKnown() {
    var http2 = pool(connections: 64, expected: nil)
    for call in 1...50 { _ = http2.submit(call, now: time(0)) }
    #expect(http2.connections.count == 2)
    let all = http2.connected(1, capacity: 100, now: time(0))
    #expect(all.send == Array(1...50) && all.connect.isEmpty)

    var http1 = pool(connections: 64, expected: nil)
    for call in 1...50 { _ = http1.submit(call, now: time(0)) }
    let first = http1.connected(1, capacity: 1, now: time(0))
    #expect(first.send == [1] && first.connect.count == 48)
  }

  @Test func anUnreachableServerFailsWhatWaits() {
    var pool = pool(warm: 2)
    for call in 1...3 { _ = pool.submit(call, now: time(0)) }
    #expect(pool.connectFailed(1).fail == [])
    #expect(pool.connectFailed(2).fail == [])
    #expect(pool.connectFailed(3).fail == [1, 2, 3])
    #expect(pool.waiting.isEmpty)
  }

  @Test func anAttemptThatFailsBesideALivingConnectionFailsNothing() {
    var pool = pool()
    for call in 1...3 { _ = pool.submit(call, now: time(0)) }
    _ = pool.connected(1, capacity: 1, now: time(0))
    #expect(pool.connectFailed(2).fail.isEmpty)
    #expect(pool.connectFailed(3).fail.isEmpty)
    #expect(pool.released(1, idleLimit: nil, now: time(0)) == 2)
  }

  @Test func aLostConnectionIsReplacedForWhatWaits() {
    var pool = pool(connections: 1)
    for call in 1...2 { _ = pool.submit(call, now: time(0)) }
    _ = pool.connected(1, capacity: 1, now: time(0))
    #expect(pool.closed(1, now: time(0)).connect == [2])
    #expect(pool.connected(2, capacity: 1, now: time(0)).send == [2])
  }

  @Test func warmConnectionsStayOpenHoweverLongTheyAreIdle() {
    var pool = pool(warm: 2)
    #expect(pool.warm() == [1, 2])
    #expect(pool.warm() == [])
    for id in 1...2 { _ = pool.connected(id, capacity: 1, now: time(0)) }
    for call in 1...3 { _ = pool.submit(call, now: time(1)) }
    _ = pool.connected(3, capacity: 1, now: time(1))
    for id in 1...3 { _ = pool.released(id, idleLimit: nil, now: time(Double(id))) }
    #expect(pool.sweep(now: time(60)).drain.isEmpty)
    // one too many: the one that was used least lately
    #expect(pool.sweep(now: time(299)).drain == [1])
    #expect(pool.sweep(now: time(299)).drain.isEmpty)
    // one that the server closes is renewed
    #expect(pool.closed(1, now: time(299)).connect == [])
    #expect(pool.closed(2, now: time(299)).connect == [4])
  }

  @Test func oneWarmConnectionIsEnoughForHTTP2() {
    var pool = pool(warm: 2, expected: nil)
    #expect(pool.warm() == [1, 2])
    for id in 1...2 { _ = pool.connected(id, capacity: 100, now: time(0)) }
    #expect(pool.sweep(now: time(60)).drain == [1])
    #expect(pool.closed(1, now: time(60)).connect == [])
    #expect(pool.closed(2, now: time(60)).connect == [3])
  }

  @Test func aBusyConnectionIsReplacedOnceItIsOld() {
    var pool = pool(connections: 2, warm: 1, expected: nil)
    #expect(pool.warm() == [1])
    _ = pool.connected(1, capacity: 100, now: time(0))
    #expect(sent(pool.submit(1, now: time(299))) == 1)
    #expect(pool.sweep(now: time(299)).connect.isEmpty)
    #expect(pool.sweep(now: time(300)).connect == [2])
    #expect(pool.sweep(now: time(301)).connect.isEmpty)
    // it serves until its successor is there
    #expect(sent(pool.submit(2, now: time(301))) == 1)
    #expect(pool.connected(2, capacity: 100, now: time(302)).drain == [1])
    #expect(sent(pool.submit(3, now: time(302))) == 2)
    // and where there is none, for the address is out of reach, it goes on
    #expect(pool.sweep(now: time(602)).connect == [3])
    #expect(pool.connectFailed(3).fail.isEmpty)
    #expect(sent(pool.submit(4, now: time(603))) == 2)
  }

  @Test func anOldConnectionMakesRoomWhereThereIsNone() {
    var pool = pool(connections: 1)
    _ = pool.submit(1, now: time(0))
    _ = pool.connected(1, capacity: 1, now: time(0))
    _ = pool.submit(2, now: time(299))
    let action = pool.sweep(now: time(300))
    #expect(action.drain == [1] && action.connect == [2])
    #expect(pool.released(1, idleLimit: nil, now: time(300)) == nil)
    #expect(pool.connected(2, capacity: 1, now: time(301)).send == [2])
  }

  @Test func aRetiredConnectionHoldsNoPlace() {
    var pool = pool(connections: 1)
    for call in 1...2 { _ = pool.submit(call, now: time(0)) }
    _ = pool.connected(1, capacity: 1, now: time(0))
    pool.retired(1, now: time(5))
    // it is not closed yet, and the next call need not wait for that
    #expect(connect(pool.submit(3, now: time(5))) == [2])
    #expect(pool.connected(2, capacity: 1, now: time(5)).send == [2])
  }

  @Test func aConnectionWithoutCapacityCountsAsNone() {
    var pool = pool(connections: 1, warm: 1, expected: nil)
    #expect(pool.warm() == [1])
    let first = pool.connected(1, capacity: 0, now: time(0))
    #expect(first.warmAfter == .milliseconds(100) && first.connect.isEmpty)
    #expect(connect(pool.submit(1, now: time(0))) == [])
    // another is tried, and of two such only one is kept
    #expect(pool.warm() == [2])
    let second = pool.connected(2, capacity: 0, now: time(1))
    #expect(second.drain == [1] && second.warmAfter == .milliseconds(200))
    _ = pool.closed(1, now: time(1))
    // the server may change its mind
    #expect(pool.capacityChanged(2, to: 1).send == [1])
  }

  @Test func aCallDoesNotWaitForEver() {
    var pool = pool(connections: 1, warm: 1, expected: nil)
    _ = pool.warm()
    _ = pool.connected(1, capacity: 0, now: time(0))
    _ = pool.submit(1, now: time(1))
    _ = pool.submit(2, now: time(2))
    #expect(pool.expired(now: time(10.9)) == [])
    #expect(pool.earliestExpiry == time(11))
    #expect(pool.expired(now: time(11)) == [1])
    #expect(pool.expired(now: time(20)) == [2])
    #expect(pool.earliestExpiry == nil)
  }

  @Test func whatWasTurnedAwayGoesOutFirst() {
    var pool = pool(connections: 2)
    for call in 1...3 { _ = pool.submit(call, now: time(0)) }
    for id in 1...2 { _ = pool.connected(id, capacity: 1, now: time(0)) }
    pool.retired(1, now: time(0))
    // a connection of its own
    #expect(connect(pool.submitAgain(1, isFresh: true, now: time(0))) == [3])
    #expect(pool.released(2, idleLimit: nil, now: time(0)) == 3)
    #expect(pool.connected(3, capacity: 1, now: time(0)).send == [1])
    // or the next place
    _ = pool.submit(4, now: time(1))
    #expect(connect(pool.submitAgain(5, isFresh: false, now: time(1))) == [])
    #expect(pool.released(2, idleLimit: nil, now: time(1)) == 5)
    // one whose connection can't be made is told so
    pool.retired(3, now: time(1))
    #expect(connect(pool.submitAgain(6, isFresh: true, now: time(1))) == [4])
    #expect(pool.connectFailed(4).fail == [6])
  }

  @Test func warmthIsSoughtEverMoreSlowlyWhereItFails() {
    var pool = pool(warm: 1)
    var delays: [TimeAmount] = []
    for _ in 0..<10 {
      let id = pool.warm()[0]
      if let delay = pool.connectFailed(id).warmAfter { delays.append(delay) }
    }
    #expect(delays.first == .milliseconds(100) && delays.last == .seconds(10))
    #expect(delays == delays.sorted())
    // a server that accepts and closes at once is no better
    let id = pool.warm()[0]
    _ = pool.connected(id, capacity: 1, now: time(1))
    #expect(pool.closed(id, now: time(1.1)).connect.isEmpty)
    // one that lasted a while is
    let next = pool.warm()[0]
    _ = pool.connected(next, capacity: 1, now: time(2))
    #expect(pool.closed(next, now: time(7)).connect.count == 1)
  }

  @Test func whatTheServerWillCloseIsNotUsed() {
    var pool = pool(connections: 1)
    _ = pool.submit(1, now: time(0))
    _ = pool.connected(1, capacity: 1, now: time(0))
    _ = pool.released(1, idleLimit: 5, now: time(0))
    #expect(sent(pool.submit(2, now: time(3.9))) == 1)
    _ = pool.released(1, idleLimit: 5, now: time(10))
    guard case .wait(let connect, let drain) = pool.submit(3, now: time(14)) else {
      Issue.record("a connection was used that the server is about to close")
      return
    }
    #expect(connect == [2] && drain == [1])
    #expect(pool.closed(1, now: time(14)).connect == [])
  }

  @Test func theServerSaysHowMuchAConnectionCarries() {
    var pool = pool(connections: 1, expected: nil)
    for call in 1...10 { _ = pool.submit(call, now: time(0)) }
    #expect(pool.connected(1, capacity: 4, now: time(0)).send == [1, 2, 3, 4])
    #expect(pool.capacityChanged(1, to: 6).send == [5, 6])
    #expect(pool.capacityChanged(1, to: 2).send == [])
    for _ in 0..<4 { #expect(pool.released(1, idleLimit: nil, now: time(0)) == nil) }
    #expect(pool.released(1, idleLimit: nil, now: time(0)) == 7)
    #expect(pool.capacityChanged(1, to: 0).send == [])
    #expect(pool.released(1, idleLimit: nil, now: time(0)) == nil)
    #expect(pool.released(1, idleLimit: nil, now: time(0)) == nil)
    #expect(pool.capacityChanged(1, to: 100).send == [8, 9, 10])
  }

  @Test func theEndAnswersWhatWaits() {
    var pool = pool(connections: 1, warm: 1)
    for call in 1...3 { _ = pool.submit(call, now: time(0)) }
    _ = pool.connected(1, capacity: 1, now: time(0))
    #expect(pool.shutDown() == [2, 3])
    guard case .refuse(4, .shutDownBeforeSending) = pool.submit(4, now: time(0)) else {
      Issue.record("a call was taken after the end")
      return
    }
    let loss = pool.closed(1, now: time(0))
    #expect(loss.connect.isEmpty && loss.warmAfter == nil)
    #expect(pool.warm().isEmpty)
    #expect(pool.connections.isEmpty)
  }

  /// Random histories against a plain account of who has which call.
  @Test func everyCallEndsExactlyOnceInOrder() {
    var random = SeededGenerator("everyCallEndsExactlyOnceInOrder")
    for _ in 0..<100 {
      let capacity = Bool.random(using: &random) ? 1 : Int.random(in: 2...5, using: &random)
      var history = PoolHistory(
        pool: pool(
          connections: .random(in: 1...5, using: &random), warm: .random(in: 0...1, using: &random), maxWaiting: 30,
          expected: Bool.random(using: &random) ? nil : capacity),
        capacity: capacity)
      for _ in 0..<400 { history.step(&random) }
      history.drain()
      #expect(history.isSettled)
      #expect(history.faults.isEmpty, "\(history.faults)")
    }
  }
}

/// One random history of a pool, and what must hold all along.
private struct PoolHistory {
  var pool: ConnectionPoolStateMachine<Int>
  let capacity: Int
  private(set) var faults: [String] = []
  private var now = NIODeadline.uptimeNanoseconds(1_000_000_000)
  private var attempts: [ConnectionID] = []
  private var carried: [ConnectionID: [Int]] = [:]
  private var retired: Set<ConnectionID> = []
  private var repeated: Set<Int> = []
  private var ended: Set<Int> = []
  private var submitted = 0
  private var lastSent = 0

  init(pool: ConnectionPoolStateMachine<Int>, capacity: Int) {
    self.pool = pool
    self.capacity = capacity
  }

  var isSettled: Bool { ended.count == submitted && carried.isEmpty && attempts.isEmpty }

  mutating func step(_ random: inout some RandomNumberGenerator) {
    now = now + .milliseconds(.random(in: 0...2000, using: &random))
    switch Int.random(in: 0..<15, using: &random) {
    case 0...4: submit()
    case 5...6: if let id = attempts.randomElement(using: &random) { connected(id) }
    case 7: if let id = attempts.randomElement(using: &random) { failed(id) }
    case 8...9: if let id = carried.keys.sorted().randomElement(using: &random) { answer(id) }
    case 10: if let id = carried.keys.sorted().randomElement(using: &random) { lose(id) }
    case 11:
      if let id = carried.keys.sorted().randomElement(using: &random) { turnAway(id, isFresh: .random(using: &random)) }
    case 12:
      if let id = carried.keys.sorted().randomElement(using: &random) {
        change(id, to: .random(in: 0...capacity, using: &random))
      }
    case 13:
      for call in pool.expired(now: now) { end(call) }
    default:
      let action = pool.sweep(now: now)
      retired.formUnion(action.drain)
      attempts += action.connect
      attempts += pool.warm()
    }
  }

  /// Lets everything come to its end.
  mutating func drain() {
    for call in pool.shutDown() { end(call) }
    for id in attempts { failed(id) }
    for id in carried.keys.sorted() { lose(id) }
  }

  private mutating func submit() {
    submitted += 1
    run(pool.submit(submitted, now: now))
  }

  /// The server did not process a call, and the client gives it to the pool again.
  private mutating func turnAway(_ id: ConnectionID, isFresh: Bool) {
    guard !retired.contains(id), var calls = carried[id], !calls.isEmpty else { return }
    let call = calls.removeFirst()
    carried[id] = calls
    if let next = pool.released(id, idleLimit: nil, now: now) { send(next, on: id) }
    repeated.insert(call)
    run(pool.submitAgain(call, isFresh: isFresh, now: now))
  }

  private mutating func change(_ id: ConnectionID, to capacity: Int) {
    guard !retired.contains(id) else { return }
    run(pool.capacityChanged(id, to: capacity), on: id)
  }

  private mutating func run(_ action: ConnectionPoolStateMachine<Int>.SubmitAction) {
    switch action {
    case .send(let call, let id): send(call, on: id)
    case .wait(let connect, let drain):
      attempts += connect
      for id in drain { retire(id) }
    case .refuse(let call, _): end(call)
    }
  }

  private mutating func run(_ action: ConnectionPoolStateMachine<Int>.RoomAction, on id: ConnectionID) {
    for call in action.send { send(call, on: id) }
    retired.formUnion(action.drain)
    attempts += action.connect
  }

  private mutating func connected(_ id: ConnectionID) {
    attempts.removeAll { $0 == id }
    carried[id] = []
    run(pool.connected(id, capacity: capacity, now: now), on: id)
  }

  private mutating func failed(_ id: ConnectionID) {
    attempts.removeAll { $0 == id }
    run(pool.connectFailed(id))
  }

  private mutating func answer(_ id: ConnectionID) {
    guard !retired.contains(id), var calls = carried[id], !calls.isEmpty else { return }
    end(calls.removeFirst())
    carried[id] = calls
    if let call = pool.released(id, idleLimit: nil, now: now) { send(call, on: id) }
  }

  private mutating func lose(_ id: ConnectionID) {
    for call in carried.removeValue(forKey: id) ?? [] { end(call) }
    retired.remove(id)
    run(pool.closed(id, now: now))
  }

  private mutating func retire(_ id: ConnectionID) {
    if carried[id]?.isEmpty != true { faults.append("connection \(id) was closed for idleness with a call on it") }
    retired.insert(id)
  }

  private mutating func run(_ action: ConnectionPoolStateMachine<Int>.LossAction) {
    for call in action.fail { end(call) }
    attempts += action.connect
  }

  private mutating func send(_ call: Int, on id: ConnectionID) {
    if !repeated.contains(call) {
      if call <= lastSent { faults.append("call \(call) was sent after \(lastSent)") }
      lastSent = call
    }
    if retired.contains(id) || carried[id] == nil { faults.append("call \(call) was sent on a connection out of use") }
    carried[id, default: []].append(call)
    if carried[id, default: []].count > capacity { faults.append("connection \(id) has too many calls") }
  }

  private mutating func end(_ call: Int) {
    if !ended.insert(call).inserted { faults.append("call \(call) ended twice") }
  }
}
