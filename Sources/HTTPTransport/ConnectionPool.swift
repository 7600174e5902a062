import Logging
import NIOCore

/// The shell around ``ConnectionPoolStateMachine``: every connection to the server, on one event loop.
final class ConnectionPool {
  /// A connection by what it speaks.
  enum Connection {
    case http1(HTTP1Connection)
    case http2(HTTP2Connection)

    /// When the earliest request under way is overdue.
    var earliestDeadline: NIODeadline? {
      switch self {
      case .http1(let connection): connection.earliestDeadline
      case .http2(let connection): connection.earliestDeadline
      }
    }

    func expire(now: NIODeadline) {
      switch self {
      case .http1(let connection): connection.expire(now: now)
      case .http2(let connection): connection.expire(now: now)
      }
    }

    func drain() {
      switch self {
      case .http1(let connection): connection.drain()
      case .http2(let connection): connection.drain()
      }
    }

    func shutDown() {
      switch self {
      case .http1(let connection): connection.shutDown()
      case .http2(let connection): connection.shutDown()
      }
    }

    /// Why the connection ended, where that was before it could carry a request.
    var endBeforeReady: any Error {
      switch self {
      case .http1: ChannelError.eof
      case .http2(let connection): connection.endBeforeReady
      }
    }

    /// The channel is closed.
    func ended() {
      switch self {
      case .http1(let connection): connection.ended()
      case .http2(let connection): connection.ended()
      }
    }
  }

  let loop: any EventLoop
  let timeout: TimeAmount
  let longestBody: Int
  let longestHead: Int
  private let connector: Connector
  private let waitTimeout: TimeAmount
  private let sweepInterval: TimeAmount
  private let logger: Logger
  private var machine: ConnectionPoolStateMachine<PendingRequest>
  private var connections: [ConnectionID: Connection] = [:]
  /// Channels of every connection and attempt, for the end.
  private var channels: [ConnectionID: any Channel] = [:]
  private var isTimeoutScheduled = false
  private var isSweepScheduled = false
  private var isWarmScheduled = false
  private var isShutDown = false
  private var closedPromise: EventLoopPromise<Void>?

  init(
    connector: Connector,
    limits: ConnectionPoolStateMachine<PendingRequest>.Limits,
    longestBody: Int,
    longestHead: Int,
    logger: Logger
  ) {
    self.loop = connector.loop
    self.connector = connector
    self.timeout = connector.timeout
    self.longestBody = longestBody
    self.longestHead = longestHead
    self.waitTimeout = limits.waitTimeout
    self.sweepInterval = max(.milliseconds(50), .nanoseconds(min(limits.idleTimeout, limits.maxAge).nanoseconds / 4))
    self.logger = logger
    // without encryption there is no negotiation, so it is HTTP/1.1
    self.machine = ConnectionPoolStateMachine(limits: limits, expectedCapacity: connector.isEncrypted ? nil : 1)
  }

  /// Takes a request.
  func submit(_ request: PendingRequest) {
    let now = NIODeadline.now()
    run(machine.submit(request, now: now), now: now)
  }

  /// Takes a request that the server turned away unprocessed: it goes out again, on a new connection where the old one
  /// is at fault, unless it did so before; then it is answered with the fault.
  func submitAgain(_ request: PendingRequest, onFreshConnection isFresh: Bool, orElse fault: HTTPFault) {
    guard !isShutDown, let again = request.repeated else { return request.fail(fault) }
    logger.debug("request goes out again", metadata: ["reason": "\(fault)"])
    let now = NIODeadline.now()
    run(machine.submitAgain(again, isFresh: isFresh, now: now), now: now)
  }

  /// The server says that the connection can't lead to this origin (421), so the request goes out on a new one.
  func misdirected(_ request: PendingRequest, _ response: HTTPResponse) {
    guard !isShutDown, let again = request.repeated else { return request.answer(response) }
    let now = NIODeadline.now()
    run(machine.submitAgain(again, isFresh: true, now: now), now: now)
  }

  /// Makes the connections that are kept when there is nothing to do.
  func warm() {
    make(machine.warm())
  }

  /// A request on the connection was answered, and it can carry another.
  func released(_ id: ConnectionID, idleLimit: Int?) {
    let now = NIODeadline.now()
    if let request = machine.released(id, idleLimit: idleLimit, now: now) { send(request, on: id, now: now) }
  }

  /// The connection takes no more requests.
  func retired(_ id: ConnectionID, hasServed: Bool = false) {
    machine.retired(id, hasServed: hasServed, now: .now())
  }

  /// The server changed how many requests the connection may carry, or said so for the first time.
  func capacityChanged(_ id: ConnectionID, to capacity: Int) {
    if capacity == 0 {
      logger.warning("the server allows no requests on an HTTP/2 connection", metadata: ["connection": "\(id)"])
    }
    let action =
      machine.isConnecting(id)
      ? machine.connected(id, capacity: capacity, now: .now()) : machine.capacityChanged(id, to: capacity)
    run(action, on: id)
  }

  /// An error ended the connection.
  func failed(_ id: ConnectionID, _ fault: HTTPFault) {
    guard fault.code != .closed else { return }
    logger.warning(
      "connection given up", metadata: ["connection": "\(id)", "fault": "\(fault.code.rawValue)", "reason": "\(fault)"])
  }

  private func closed(_ id: ConnectionID) {
    channels[id] = nil
    guard let connection = connections.removeValue(forKey: id) else { return }
    connection.ended()
    logger.trace("connection closed", metadata: ["connection": "\(id)"])
    if machine.isConnecting(id) {
      connectFailed(id, connector.fault(connection.endBeforeReady))
    } else {
      run(machine.closed(id, now: .now()))
      finishShutDown()
    }
  }

  /// Answers every request and closes every connection.
  func shutDown(_ promise: EventLoopPromise<Void>) {
    guard !isShutDown else { return promise.succeed() }
    isShutDown = true
    closedPromise = promise
    for request in machine.shutDown() { request.fail(.shutDownBeforeSending) }
    for connection in Array(connections.values) { connection.shutDown() }
    for channel in Array(channels.values) { channel.close(promise: nil) }
    finishShutDown()
  }

  private func finishShutDown() {
    guard isShutDown, machine.connections.isEmpty else { return }
    closedPromise?.succeed()
    closedPromise = nil
  }

  private func send(_ request: PendingRequest, on id: ConnectionID, now: NIODeadline) {
    if !isTimeoutScheduled { scheduleTimeouts(at: now + timeout) }
    switch connections[id] {
    case .http1(let connection)?: connection.send(request, deadline: now + timeout)
    case .http2(let connection)?: connection.send(request, deadline: now + timeout)
    case nil: preconditionFailure("a request was given to a connection that is gone")
    }
  }

  private func run(_ action: ConnectionPoolStateMachine<PendingRequest>.SubmitAction, now: NIODeadline) {
    switch action {
    case .send(let request, let id):
      send(request, on: id, now: now)
    case .wait(let connect, let drain):
      if !isTimeoutScheduled { scheduleTimeouts(at: now + timeout) }
      for id in drain { connections[id]?.drain() }
      make(connect)
    case .refuse(let request, let fault):
      request.fail(fault)
    }
  }

  private func run(_ action: ConnectionPoolStateMachine<PendingRequest>.RoomAction, on id: ConnectionID) {
    let now = NIODeadline.now()
    for request in action.send { send(request, on: id, now: now) }
    for other in action.drain { connections[other]?.drain() }
    make(action.connect)
    warm(after: action.warmAfter)
  }

  private func run(_ action: ConnectionPoolStateMachine<PendingRequest>.LossAction, fault: HTTPFault? = nil) {
    for request in action.fail { request.fail(fault ?? .brokenWhileSending) }
    make(action.connect)
    warm(after: action.warmAfter)
  }

  private func warm(after delay: TimeAmount?) {
    guard let delay, !isWarmScheduled else { return }
    isWarmScheduled = true
    loop.assumeIsolated().scheduleTask(in: delay) {
      self.isWarmScheduled = false
      self.warm()
    }
  }

  private func make(_ ids: [ConnectionID]) {
    for id in ids {
      connector.connect(
        onChannel: { channel in
          self.channels[id] = channel
          channel.closeFuture.assumeIsolated().whenComplete { _ in self.closed(id) }
        },
        handler: { protocolName in
          switch protocolName {
          case .http1: .http1(HTTP1Connection(id: id, pool: self))
          case .http2: .http2(HTTP2Connection(id: id, pool: self))
          }
        }
      ) { self.made(id, $0) }
    }
  }

  private func made(_ id: ConnectionID, _ result: Result<Connection, HTTPFault>) {
    switch result {
    case .success(let connection):
      connections[id] = connection
      guard !isShutDown else { return connection.shutDown() }
      logger.trace("connection made", metadata: ["connection": "\(id)"])
      if !isSweepScheduled { scheduleSweep() }
      switch connection {
      case .http1: capacityChanged(id, to: 1)
      // the server's SETTINGS say how many requests it takes; they have to come in time
      case .http2: if !isTimeoutScheduled { scheduleTimeouts(at: .now() + timeout) }
      }
    case .failure(let fault):
      channels[id] = nil
      connectFailed(id, fault)
    }
  }

  private func connectFailed(_ id: ConnectionID, _ fault: HTTPFault) {
    logger.debug("connection failed", metadata: ["connection": "\(id)", "reason": "\(fault)"])
    run(machine.connectFailed(id), fault: fault)
    finishShutDown()
  }

  /// One timer for all requests: it fires when the earliest of them may be due, and looks at each.
  private func scheduleTimeouts(at deadline: NIODeadline) {
    isTimeoutScheduled = true
    loop.assumeIsolated().scheduleTask(deadline: deadline) { self.expire() }
  }

  private func expire() {
    let now = NIODeadline.now()
    for connection in Array(connections.values) { connection.expire(now: now) }
    for request in machine.expired(now: now) { request.fail(.noRoom(within: waitTimeout)) }
    isTimeoutScheduled = false
    var next = connections.values.compactMap(\.earliestDeadline).min()
    if let expiry = machine.earliestExpiry { next = min(next ?? expiry, expiry) }
    // a few milliseconds late for some, so that many requests sent together end together; and never later than a
    // request that is sent in the meantime may be due
    if let next { scheduleTimeouts(at: min(max(next, now + .milliseconds(5)), now + timeout)) }
  }

  private func scheduleSweep() {
    isSweepScheduled = true
    loop.assumeIsolated().scheduleTask(in: sweepInterval) {
      self.isSweepScheduled = false
      let action = self.machine.sweep(now: .now())
      for id in action.drain { self.connections[id]?.drain() }
      self.make(action.connect)
      if !self.isShutDown, !self.connections.isEmpty, !self.isSweepScheduled { self.scheduleSweep() }
    }
  }
}
