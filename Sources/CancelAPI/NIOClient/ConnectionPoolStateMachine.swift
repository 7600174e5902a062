import NIOCore

/// A connection's number; no two connections of a pool share one.
typealias ConnectionID = Int

/// Decides which connection carries which call, which calls wait, and when connections are made and closed.
///
/// No I/O and no clock. A connection carries as many calls at a time as its capacity says: one for HTTP/1.1, many for
/// HTTP/2. Calls wait in the order they came.
struct ConnectionPoolStateMachine<Call> {
  /// The bounds that a pool keeps to.
  struct Limits {
    /// The most connections, those being made included.
    var connections: Int
    /// How many connections are kept when there is nothing to do.
    var warmConnections: Int
    /// The most calls that wait.
    var maxWaiting: Int
    /// How long a connection may be idle.
    var idleTimeout: TimeAmount
  }

  /// Where one connection stands.
  enum ConnectionState: Equatable {
    /// It is being made. → `ready`, gone
    case connecting
    /// It takes calls while fewer than its capacity are under way. → `retired`, gone
    case ready(Ready)
    /// It takes no more calls. → gone
    case retired
  }

  /// A connection in use.
  struct Ready: Equatable {
    /// The calls under way.
    var active = 0
    /// The most calls at a time.
    var capacity: Int
    /// Since when no call is under way, or has been.
    var idleSince: NIODeadline
    /// When it was made.
    let madeAt: NIODeadline
    /// After this it may not be used, for the server will close it.
    var useBefore = NIODeadline.distantFuture
    /// Whether it ever brought an answer.
    var hasServed = false
  }

  /// What becomes of a new call.
  enum SubmitAction {
    /// It goes out on this connection.
    case send(Call, on: ConnectionID)
    /// It waits, while some connections are made and stale ones closed.
    case wait(connect: [ConnectionID], close: [ConnectionID])
    /// It is answered with the fault.
    case refuse(Call, CallFault)
  }

  /// What follows from a connection's having room.
  struct RoomAction {
    /// The calls that go out on it, in order.
    var send: [Call] = []
    /// Connections to make for those that still wait.
    var connect: [ConnectionID] = []
  }

  /// What follows from the end of a connection, or of the attempt at one.
  struct LossAction {
    /// Calls that can't hope for a connection.
    var fail: [Call] = []
    /// Connections to make.
    var connect: [ConnectionID] = []
    /// When to ask for warm connections again.
    var warmAfter: TimeAmount?
  }

  /// The waiting calls, the oldest first.
  private(set) var waiting = CircularBuffer<Call>()
  /// Every connection.
  private(set) var connections: [ConnectionID: ConnectionState] = [:]

  private let limits: Limits
  /// Ready connections with room, the one used last at the end.
  private var available: [ConnectionID] = []
  private var connecting = 0
  private var nextID: ConnectionID = 1
  /// The capacity of the newest connection; `nil` while none tells what the server speaks.
  private var expectedCapacity: Int?
  /// Connections in a row that came to nothing.
  private var failures = 0
  private var isShutDown = false

  /// - Parameter expectedCapacity: How many calls a connection carries, where that is known beforehand.
  init(limits: Limits, expectedCapacity: Int?) {
    self.limits = limits
    self.expectedCapacity = expectedCapacity
  }

  /// A call came.
  mutating func submit(_ call: Call, now: NIODeadline) -> SubmitAction {
    guard !isShutDown else { return .refuse(call, .shutDownBeforeSending) }
    if waiting.isEmpty, let id = takeAvailable(now: now) { return .send(call, on: id) }
    guard waiting.count < limits.maxWaiting else { return .refuse(call, .tooManyWaiting) }
    waiting.append(call)
    let stale = idle(now: now)
    return .wait(connect: connectForWaiting(), close: stale)
  }

  /// A connection was made.
  mutating func connected(_ id: ConnectionID, capacity: Int, now: NIODeadline) -> RoomAction {
    guard case .connecting? = connections[id] else { preconditionFailure("a connection was made twice, or unasked") }
    connecting -= 1
    expectedCapacity = capacity
    connections[id] = .ready(Ready(capacity: capacity, idleSince: now, madeAt: now))
    available.append(id)
    return fill(id)
  }

  /// A connection could not be made.
  mutating func connectFailed(_ id: ConnectionID, fault: CallFault) -> LossAction {
    guard case .connecting? = connections.removeValue(forKey: id) else {
      preconditionFailure("a connection failed that was not being made")
    }
    connecting -= 1
    failures += 1
    var action = LossAction()
    guard !isShutDown else { return action }
    if connections.values.allSatisfy({ $0 == .retired }) {
      action.fail = Array(waiting)
      waiting.removeAll(keepingCapacity: false)
    }
    action.warmAfter = warmDelay
    return action
  }

  /// A call on the connection was answered.
  ///
  /// - Parameter idleLimit: How long the server keeps the connection without a call, in seconds, where it says.
  /// - Returns: The call that goes out on it next.
  mutating func released(_ id: ConnectionID, idleLimit: Int?, now: NIODeadline) -> Call? {
    failures = 0
    guard case .ready(var ready)? = connections[id] else { return nil }
    ready.hasServed = true
    if ready.active <= ready.capacity, let call = waiting.popFirst() {
      connections[id] = .ready(ready)
      return call
    }
    if ready.active == ready.capacity { available.append(id) }
    ready.active -= 1
    ready.idleSince = now
    // a second early, so that the server's closing and a call don't cross
    ready.useBefore = idleLimit.map { now + .seconds(Int64(min($0, 86_400)) - 1) } ?? .distantFuture
    connections[id] = .ready(ready)
    return nil
  }

  /// The server changed how many calls the connection may carry.
  mutating func capacityChanged(_ id: ConnectionID, to capacity: Int) -> RoomAction {
    guard case .ready(var ready)? = connections[id] else { return RoomAction() }
    let hadRoom = ready.active < ready.capacity
    ready.capacity = capacity
    expectedCapacity = max(1, capacity)
    connections[id] = .ready(ready)
    let hasRoom = ready.active < ready.capacity
    if hadRoom, !hasRoom { removeAvailable(id) }
    if !hadRoom, hasRoom { available.append(id) }
    return fill(id)
  }

  /// The connection takes no more calls.
  ///
  /// - Parameter hasServed: Whether the reason is an answer that asked for it.
  mutating func retired(_ id: ConnectionID, hasServed: Bool = false, now: NIODeadline) {
    guard case .ready(let ready)? = connections[id] else { return }
    if ready.active < ready.capacity { removeAvailable(id) }
    // one that lived, or served, was no failure
    failures = hasServed || ready.hasServed || now - ready.madeAt > .seconds(1) ? 0 : failures + 1
    connections[id] = .retired
  }

  /// The connection is gone.
  mutating func closed(_ id: ConnectionID, now: NIODeadline) -> LossAction {
    retired(id, now: now)
    guard connections.removeValue(forKey: id) != nil, !isShutDown else { return LossAction() }
    var action = LossAction()
    action.connect = connectForWaiting()
    if failures == 0 { action.connect += connectWarm() } else { action.warmAfter = warmDelay }
    return action
  }

  /// The connections that are to be made so that there is something to begin with.
  mutating func warm() -> [ConnectionID] {
    isShutDown ? [] : connectWarm()
  }

  /// The connections that have been idle for too long, now retired.
  mutating func idle(now: NIODeadline) -> [ConnectionID] {
    let idle = available.filter { id in
      guard case .ready(let ready)? = connections[id], ready.active == 0 else { return false }
      return ready.idleSince + limits.idleTimeout <= now || ready.useBefore <= now
    }
    for id in idle { retired(id, now: now) }
    return idle
  }

  /// The client is being shut down: no more calls, no more connections.
  ///
  /// - Returns: The calls that were waiting.
  mutating func shutDown() -> [Call] {
    isShutDown = true
    defer { waiting.removeAll(keepingCapacity: false) }
    return Array(waiting)
  }

  /// The connection used last among those with room, taken for one call.
  private mutating func takeAvailable(now: NIODeadline) -> ConnectionID? {
    var index = available.count - 1
    while index >= 0 {
      let id = available[index]
      if case .ready(var ready)? = connections[id], ready.active > 0 || now < ready.useBefore {
        ready.active += 1
        if ready.active == ready.capacity { available.remove(at: index) }
        connections[id] = .ready(ready)
        return id
      }
      index -= 1
    }
    return nil
  }

  private mutating func fill(_ id: ConnectionID) -> RoomAction {
    var action = RoomAction()
    guard case .ready(var ready)? = connections[id] else { return action }
    let count = min(waiting.count, max(0, ready.capacity - ready.active))
    if count > 0 {
      action.send = Array(waiting.prefix(count))
      waiting.removeFirst(count)
      ready.active += count
      if ready.active == ready.capacity { removeAvailable(id) }
      connections[id] = .ready(ready)
    }
    action.connect = connectForWaiting()
    return action
  }

  private mutating func connectForWaiting() -> [ConnectionID] {
    let perConnection = expectedCapacity ?? 1
    var wanted = (waiting.count + perConnection - 1) / perConnection - connecting
    // until the server has told what it speaks, a few attempts do: with HTTP/2 one connection carries everything
    if expectedCapacity == nil { wanted = min(wanted, max(2, limits.warmConnections) - connecting) }
    return connect(wanted)
  }

  private mutating func connectWarm() -> [ConnectionID] {
    let target = (expectedCapacity ?? 1) > 1 ? min(1, limits.warmConnections) : limits.warmConnections
    let alive = connections.values.count { $0 != .retired }
    return connect(target - alive)
  }

  private mutating func connect(_ count: Int) -> [ConnectionID] {
    let count = min(count, limits.connections - connections.count)
    guard count > 0 else { return [] }
    return (0..<count).map { _ in
      defer { nextID += 1 }
      connections[nextID] = .connecting
      connecting += 1
      return nextID
    }
  }

  private mutating func removeAvailable(_ id: ConnectionID) {
    if let index = available.lastIndex(of: id) { available.remove(at: index) }
  }

  /// 100 ms after the first failure in a row, doubling up to 10 s.
  private var warmDelay: TimeAmount {
    .milliseconds(min(10_000, 100 << Int64(min(7, max(0, failures - 1)))))
  }
}
