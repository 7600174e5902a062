import NIOCore

/// A connection's number; no two connections of a pool share one.
typealias ConnectionID = Int

/// Decides which connection carries which request, which requests wait, and when connections are made and closed.
///
/// No I/O and no clock. A connection carries as many requests at a time as its capacity says: one for HTTP/1.1, many
/// for HTTP/2. Requests wait in the order they came.
struct ConnectionPoolStateMachine<Request> {
  /// The bounds that a pool keeps to.
  struct Limits {
    /// The most connections, those being made included. One that only finishes what it carries does not count.
    var connections: Int
    /// How many connections are kept open when there is nothing to do.
    var warmConnections: Int
    /// The most requests that wait.
    var maxWaiting: Int
    /// How long a request waits for a connection.
    var waitTimeout: TimeAmount
    /// How long a connection beyond the warm ones may be idle.
    var idleTimeout: TimeAmount
    /// How old a connection becomes before another takes its place, so that changes of the name's addresses arrive.
    var maxAge: TimeAmount
  }

  /// Where one connection stands.
  enum ConnectionState: Equatable {
    /// It is being made. → `ready`, gone
    case connecting
    /// It takes requests while fewer than its capacity are under way. → `retired`, gone
    case ready(Ready)
    /// It takes no more requests. → gone
    case retired
  }

  /// A connection in use.
  struct Ready: Equatable {
    /// The requests under way.
    var active = 0
    /// The most requests at a time; 0 while the server allows none.
    var capacity: Int
    /// Since when no request is under way, or has been.
    var idleSince: NIODeadline
    /// When it was made.
    let madeAt: NIODeadline
    /// After this it may not be used, for the server will close it.
    var useBefore = NIODeadline.distantFuture
    /// Whether it ever brought a response.
    var hasServed = false
  }

  /// A request that waits, and since when.
  struct Waiting {
    let request: Request
    let since: NIODeadline
  }

  /// What becomes of a new request.
  enum SubmitAction {
    /// It goes out on this connection.
    case send(Request, on: ConnectionID)
    /// It waits, while some connections are made and stale ones drained.
    case wait(connect: [ConnectionID], drain: [ConnectionID])
    /// It is answered with the fault.
    case refuse(Request, HTTPFault)
  }

  /// What follows from a connection's having room.
  struct RoomAction {
    /// The requests that go out on it, in order.
    var send: [Request] = []
    /// Connections to make for those that still wait.
    var connect: [ConnectionID] = []
    /// Connections that take no more requests, to be closed when they are idle.
    var drain: [ConnectionID] = []
    /// When to ask for warm connections again.
    var warmAfter: TimeAmount?
  }

  /// What follows from the end of a connection, or of the attempt at one.
  struct LossAction {
    /// Requests that can't hope for a connection.
    var fail: [Request] = []
    /// Connections to make.
    var connect: [ConnectionID] = []
    /// When to ask for warm connections again.
    var warmAfter: TimeAmount?
  }

  /// The waiting requests, the oldest first.
  private(set) var waiting = CircularBuffer<Waiting>()
  /// Every connection.
  private(set) var connections: [ConnectionID: ConnectionState] = [:]

  private let limits: Limits
  /// Ready connections with room, the one used last at the end.
  private var available: [ConnectionID] = []
  /// Requests that wait for one connection of their own, because another turned them away.
  private var dedicated: [ConnectionID: Request] = [:]
  private var connecting = 0
  private var nextID: ConnectionID = 1
  /// The capacity of the newest connection; `nil` while none tells what the server speaks.
  private var expectedCapacity: Int?
  /// Connections in a row that came to nothing.
  private var failures = 0
  private var isShutDown = false

  /// - Parameter expectedCapacity: How many requests a connection carries, where that is known beforehand.
  init(limits: Limits, expectedCapacity: Int?) {
    self.limits = limits
    self.expectedCapacity = expectedCapacity
  }

  /// A request came.
  mutating func submit(_ request: Request, now: NIODeadline) -> SubmitAction {
    guard !isShutDown else { return .refuse(request, .shutDownBeforeSending) }
    if waiting.isEmpty, let id = takeAvailable(now: now) { return .send(request, on: id) }
    guard waiting.count < limits.maxWaiting else { return .refuse(request, .tooManyWaiting) }
    waiting.append(Waiting(request: request, since: now))
    let stale = retireStale(now: now)
    return .wait(connect: connectForWaiting(), drain: stale)
  }

  /// A request comes again, because a connection turned it away unprocessed.
  ///
  /// - Parameter isFresh: Whether it needs a connection that has not been made yet.
  mutating func submitAgain(_ request: Request, isFresh: Bool, now: NIODeadline) -> SubmitAction {
    guard !isShutDown else { return .refuse(request, .shutDownBeforeSending) }
    if isFresh {
      let made = connect(1)
      if let id = made.first {
        dedicated[id] = request
        return .wait(connect: made, drain: [])
      }
    } else if let id = takeAvailable(now: now) {
      return .send(request, on: id)
    }
    waiting.prepend(Waiting(request: request, since: now))
    return .wait(connect: connectForWaiting(), drain: [])
  }

  /// Whether the connection is being made.
  func isConnecting(_ id: ConnectionID) -> Bool { connections[id] == .connecting }

  /// A connection was made.
  mutating func connected(_ id: ConnectionID, capacity: Int, now: NIODeadline) -> RoomAction {
    guard isConnecting(id) else { preconditionFailure("a connection was made twice, or unasked") }
    connecting -= 1
    var ready = Ready(capacity: capacity, idleSince: now, madeAt: now)
    var own: [Request] = []
    if capacity > 0, let request = dedicated.removeValue(forKey: id) {
      ready.active = 1
      own = [request]
    } else if let request = dedicated.removeValue(forKey: id) {
      waiting.prepend(Waiting(request: request, since: now))
    }
    connections[id] = .ready(ready)
    if capacity > 0 { expectedCapacity = capacity }
    if ready.active < capacity { available.append(id) }
    let replaced = oldest(olderThan: limits.maxAge, now: now)
    if let replaced { retireQuietly(replaced) }
    var action = capacity > 0 ? fill(id) : stalled(id)
    action.send = own + action.send
    if let replaced { action.drain.append(replaced) }
    return action
  }

  /// A connection could not be made.
  mutating func connectFailed(_ id: ConnectionID) -> LossAction {
    guard connections.removeValue(forKey: id) == .connecting else {
      preconditionFailure("a connection failed that was not being made")
    }
    connecting -= 1
    failures += 1
    var action = LossAction()
    if let request = dedicated.removeValue(forKey: id) { action.fail.append(request) }
    guard !isShutDown else { return action }
    if connecting == 0, useful == 0 {
      action.fail += waiting.map(\.request)
      waiting.removeAll(keepingCapacity: false)
    }
    action.warmAfter = warmDelay
    return action
  }

  /// A request on the connection was answered.
  ///
  /// - Parameter idleLimit: How long the server keeps the connection without a request, in seconds, where it says.
  /// - Returns: The request that goes out on it next.
  mutating func released(_ id: ConnectionID, idleLimit: Int?, now: NIODeadline) -> Request? {
    failures = 0
    guard case .ready(var ready)? = connections[id] else { return nil }
    ready.hasServed = true
    if ready.active <= ready.capacity, let next = waiting.popFirst() {
      connections[id] = .ready(ready)
      return next.request
    }
    if ready.active == ready.capacity { available.append(id) }
    ready.active -= 1
    ready.idleSince = now
    // a second early, so that the server's closing and a request don't cross
    ready.useBefore = idleLimit.map { now + .seconds(Int64(min($0, 86_400)) - 1) } ?? .distantFuture
    connections[id] = .ready(ready)
    return nil
  }

  /// The server changed how many requests the connection may carry.
  mutating func capacityChanged(_ id: ConnectionID, to capacity: Int) -> RoomAction {
    guard case .ready(var ready)? = connections[id] else { return RoomAction() }
    let hadRoom = ready.active < ready.capacity
    ready.capacity = capacity
    if capacity > 0 { expectedCapacity = capacity }
    connections[id] = .ready(ready)
    let hasRoom = ready.active < ready.capacity
    if hadRoom, !hasRoom { removeAvailable(id) }
    if !hadRoom, hasRoom { available.append(id) }
    return capacity > 0 ? fill(id) : stalled(id)
  }

  /// The connection takes no more requests.
  ///
  /// - Parameter hasServed: Whether the reason is a response that asked for it.
  mutating func retired(_ id: ConnectionID, hasServed: Bool = false, now: NIODeadline) {
    guard case .ready(let ready)? = connections[id] else { return }
    retireQuietly(id)
    // one that lived, or served, was no failure
    failures = hasServed || ready.hasServed || now - ready.madeAt > .seconds(1) ? 0 : failures + 1
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

  /// The connections that are to be made so that there is something to begin with, and for what waits.
  mutating func warm() -> [ConnectionID] {
    guard !isShutDown else { return [] }
    let warm = connectWarm()
    return warm.isEmpty && !waiting.isEmpty && connecting == 0 ? connect(1) : warm
  }

  /// Looks at the age of every connection; asked now and then.
  ///
  /// - Returns: The connections to drain, and those to make in the place of old ones. An old connection stays in use
  ///   until its successor is made, so that an address that can't be reached any more costs no request.
  mutating func sweep(now: NIODeadline) -> RoomAction {
    var action = RoomAction()
    action.drain = retireStale(now: now)
    if !isShutDown, connecting == 0, let old = oldest(olderThan: limits.maxAge, now: now) {
      action.connect = connect(1)
      if action.connect.isEmpty {
        retireQuietly(old)
        action.drain.append(old)
        action.connect = connectForWaiting()
      }
    }
    return action
  }

  /// The requests that have waited for too long, now taken out.
  mutating func expired(now: NIODeadline) -> [Request] {
    var expired: [Request] = []
    while let first = waiting.first, first.since + limits.waitTimeout <= now {
      expired.append(first.request)
      waiting.removeFirst()
    }
    return expired
  }

  /// When the next waiting request has waited for too long.
  var earliestExpiry: NIODeadline? { waiting.first.map { $0.since + limits.waitTimeout } }

  /// The client is being shut down: no more requests, no more connections.
  ///
  /// - Returns: The requests that were waiting.
  mutating func shutDown() -> [Request] {
    isShutDown = true
    defer {
      waiting.removeAll(keepingCapacity: false)
      dedicated.removeAll()
    }
    return waiting.map(\.request) + dedicated.values
  }

  /// Retires the connections that the server is about to close, and those idle for too long beyond the warm ones.
  private mutating func retireStale(now: NIODeadline) -> [ConnectionID] {
    guard !available.isEmpty else { return [] }
    var stale: [ConnectionID] = []
    var spare = useful - warmTarget
    // the one used last is at the end
    for id in available {
      guard case .ready(let ready)? = connections[id], ready.active == 0 else { continue }
      let isSpare = spare > 0 && ready.idleSince + limits.idleTimeout <= now
      guard isSpare || ready.useBefore <= now else { continue }
      spare -= 1
      stale.append(id)
    }
    for id in stale { retireQuietly(id) }
    return stale
  }

  /// The connection used last among those with room, taken for one request.
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
      action.send = waiting.prefix(count).map(\.request)
      waiting.removeFirst(count)
      ready.active += count
      if ready.active == ready.capacity { removeAvailable(id) }
      connections[id] = .ready(ready)
    }
    action.connect = connectForWaiting()
    return action
  }

  /// The server allows no requests on the connection for now. It may change its mind, so the connection stays, but
  /// counts as none; after a while another is tried, and of two such only the newer is kept.
  private mutating func stalled(_ id: ConnectionID) -> RoomAction {
    failures += 1
    var action = RoomAction(warmAfter: warmDelay)
    for (other, state) in connections where other < id {
      if case .ready(let ready) = state, ready.capacity == 0 { action.drain.append(other) }
    }
    for other in action.drain { retireQuietly(other) }
    return action
  }

  private mutating func connectForWaiting() -> [ConnectionID] {
    // while the server allows no requests, `warm` tries again after a delay
    if failures > 0, useful == 0, connections.values.contains(where: Self.isStalled) { return [] }
    let perConnection = expectedCapacity ?? 1
    var wanted = (waiting.count + perConnection - 1) / perConnection - (connecting - dedicated.count)
    // until the server has told what it speaks, a few attempts do: with HTTP/2 one connection carries everything
    if expectedCapacity == nil { wanted = min(wanted, max(2, limits.warmConnections) - connecting) }
    return connect(wanted)
  }

  private mutating func connectWarm() -> [ConnectionID] {
    connect(warmTarget - useful - connecting)
  }

  private mutating func connect(_ count: Int) -> [ConnectionID] {
    let count = min(count, limits.connections - useful - connecting)
    guard count > 0 else { return [] }
    return (0..<count).map { _ in
      defer { nextID += 1 }
      connections[nextID] = .connecting
      connecting += 1
      return nextID
    }
  }

  private mutating func retireQuietly(_ id: ConnectionID) {
    guard case .ready(let ready)? = connections[id] else { return }
    if ready.active < ready.capacity { removeAvailable(id) }
    connections[id] = .retired
  }

  private mutating func removeAvailable(_ id: ConnectionID) {
    if let index = available.lastIndex(of: id) { available.remove(at: index) }
  }

  /// The oldest connection in use that is older than `age`.
  private func oldest(olderThan age: TimeAmount, now: NIODeadline) -> ConnectionID? {
    var oldest: (id: ConnectionID, madeAt: NIODeadline)?
    for (id, state) in connections {
      guard case .ready(let ready) = state, ready.madeAt + age <= now else { continue }
      if ready.madeAt < oldest?.madeAt ?? .distantFuture { oldest = (id, ready.madeAt) }
    }
    return oldest?.id
  }

  /// The connections that carry requests, or could.
  private var useful: Int {
    connections.values.count { state in
      if case .ready = state { !Self.isStalled(state) } else { false }
    }
  }

  private static func isStalled(_ state: ConnectionState) -> Bool {
    if case .ready(let ready) = state { ready.capacity == 0 } else { false }
  }

  /// How many connections are kept: with HTTP/2 one carries everything.
  private var warmTarget: Int {
    (expectedCapacity ?? 1) > 1 ? min(1, limits.warmConnections) : limits.warmConnections
  }

  /// 100 ms after the first failure in a row, doubling up to 10 s.
  private var warmDelay: TimeAmount {
    .milliseconds(min(10_000, 100 << Int64(min(7, max(0, failures - 1)))))
  }
}
