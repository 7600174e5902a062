import Logging
import NIOCore

/// The shell around ``ConnectionPoolStateMachine``: every connection to the API, on one event loop.
final class ConnectionPool {
  /// A connection by what it speaks.
  enum Connection {
    case http1(HTTP1Connection)
    case http2(HTTP2Connection)
  }

  let loop: any EventLoop
  let encoder: RequestEncoder
  let timeout: TimeAmount
  private let connector: Connector
  private let idleTimeout: TimeAmount
  private let logger: Logger
  private var machine: ConnectionPoolStateMachine<PendingCall>
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
    encoder: RequestEncoder,
    timeout: TimeAmount,
    limits: ConnectionPoolStateMachine<PendingCall>.Limits,
    logger: Logger
  ) {
    self.loop = connector.loop
    self.connector = connector
    self.encoder = encoder
    self.timeout = timeout
    self.idleTimeout = limits.idleTimeout
    self.logger = logger
    // without encryption there is no negotiation, so it is HTTP/1.1
    self.machine = ConnectionPoolStateMachine(limits: limits, expectedCapacity: connector.isEncrypted ? nil : 1)
  }

  /// Takes a call.
  func submit(_ call: PendingCall) {
    let now = NIODeadline.now()
    switch machine.submit(call, now: now) {
    case .send(let call, let id):
      send(call, on: id, now: now)
    case .wait(let connect, let close):
      for id in close { shutDown(id) }
      make(connect)
    case .refuse(let call, let fault):
      call.fail(fault)
    }
  }

  /// Makes the connections that are kept when there is nothing to do.
  func warm() {
    make(machine.warm())
  }

  /// A call on the connection was answered, and it can carry another.
  func released(_ id: ConnectionID, idleLimit: Int?) {
    let now = NIODeadline.now()
    if let call = machine.released(id, idleLimit: idleLimit, now: now) { send(call, on: id, now: now) }
  }

  /// The connection takes no more calls.
  func retired(_ id: ConnectionID, hasServed: Bool = false) {
    machine.retired(id, hasServed: hasServed, now: .now())
  }

  /// The server changed how many calls the connection may carry.
  func capacityChanged(_ id: ConnectionID, to capacity: Int) {
    run(machine.capacityChanged(id, to: capacity), on: id)
  }

  private func closed(_ id: ConnectionID) {
    channels[id] = nil
    switch connections.removeValue(forKey: id) {
    case .http1(let connection)?: connection.ended()
    case .http2(let connection)?: connection.ended()
    case nil: return
    }
    logger.trace("API connection closed", metadata: ["connection": "\(id)"])
    run(machine.closed(id, now: .now()))
    finishShutDown()
  }

  /// Answers every call and closes every connection.
  func shutDown(_ promise: EventLoopPromise<Void>) {
    guard !isShutDown else { return promise.succeed() }
    isShutDown = true
    closedPromise = promise
    for call in machine.shutDown() { call.fail(.shutDownBeforeSending) }
    for id in Array(connections.keys) { shutDown(id) }
    for channel in Array(channels.values) { channel.close(promise: nil) }
    finishShutDown()
  }

  private func finishShutDown() {
    guard isShutDown, machine.connections.isEmpty else { return }
    closedPromise?.succeed()
    closedPromise = nil
  }

  private func shutDown(_ id: ConnectionID) {
    switch connections[id] {
    case .http1(let connection)?: connection.shutDown()
    case .http2(let connection)?: connection.shutDown()
    case nil: break
    }
  }

  private func send(_ call: PendingCall, on id: ConnectionID, now: NIODeadline) {
    if !isTimeoutScheduled { scheduleTimeouts(at: now + timeout) }
    switch connections[id] {
    case .http1(let connection)?: connection.send(call, deadline: now + timeout)
    case .http2(let connection)?: connection.send(call, deadline: now + timeout)
    case nil: preconditionFailure("a call was given to a connection that is gone")
    }
  }

  private func run(_ action: ConnectionPoolStateMachine<PendingCall>.RoomAction, on id: ConnectionID) {
    let now = NIODeadline.now()
    for call in action.send { send(call, on: id, now: now) }
    make(action.connect)
  }

  private func run(_ action: ConnectionPoolStateMachine<PendingCall>.LossAction, fault: CallFault? = nil) {
    for call in action.fail { call.fail(fault ?? .closedEarly) }
    make(action.connect)
    if let delay = action.warmAfter, !isWarmScheduled {
      isWarmScheduled = true
      loop.assumeIsolated().scheduleTask(in: delay) {
        self.isWarmScheduled = false
        self.warm()
      }
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

  private func made(_ id: ConnectionID, _ result: Result<Connection, CallFault>) {
    switch result {
    case .success(let connection):
      guard !isShutDown else {
        connections[id] = connection
        return shutDown(id)
      }
      connections[id] = connection
      logger.trace("API connection made", metadata: ["connection": "\(id)"])
      if !isSweepScheduled { scheduleSweep() }
      let capacity =
        switch connection {
        case .http1: 1
        case .http2: HTTP2Connection.initialCapacity
        }
      run(machine.connected(id, capacity: capacity, now: .now()), on: id)
    case .failure(let fault):
      channels[id] = nil
      logger.debug("API connection failed", metadata: ["connection": "\(id)", "reason": "\(fault.detail)"])
      run(machine.connectFailed(id, fault: fault), fault: fault)
      finishShutDown()
    }
  }

  /// One timer for all calls: it fires when the earliest of them may be due, and looks at each.
  private func scheduleTimeouts(at deadline: NIODeadline) {
    isTimeoutScheduled = true
    loop.assumeIsolated().scheduleTask(deadline: deadline) { self.expire() }
  }

  private func expire() {
    let now = NIODeadline.now()
    for connection in Array(connections.values) {
      switch connection {
      case .http1(let connection): connection.expire(now: now)
      case .http2(let connection): connection.expire(now: now)
      }
    }
    let deadlines = connections.values.compactMap { connection in
      switch connection {
      case .http1(let connection): connection.earliestDeadline
      case .http2(let connection): connection.earliestDeadline
      }
    }
    isTimeoutScheduled = false
    // a few milliseconds late for some, so that many calls sent together end together
    if let next = deadlines.min() { scheduleTimeouts(at: max(next, now + .milliseconds(5))) }
  }

  private func scheduleSweep() {
    isSweepScheduled = true
    loop.assumeIsolated().scheduleTask(in: .nanoseconds(idleTimeout.nanoseconds / 4)) {
      self.isSweepScheduled = false
      for id in self.machine.idle(now: .now()) { self.shutDown(id) }
      if !self.isShutDown, !self.connections.isEmpty, !self.isSweepScheduled { self.scheduleSweep() }
    }
  }
}
