import NIOCore

/// The shell around ``HTTP1ConnectionStateMachine``: the last handler of an HTTP/1.1 connection's channel.
///
/// Everything happens on the channel's event loop.
final class HTTP1Connection: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  /// The connection's number in its pool.
  let id: ConnectionID
  private let pool: ConnectionPool
  private var machine = HTTP1ConnectionStateMachine()
  private var context: ChannelHandlerContext?
  private var pending: PendingCall?
  private var deadline = NIODeadline.distantFuture
  /// Counts calls, so that a late report of a write is not taken for the next call's.
  private var sequence: UInt64 = 0
  private var buffer = ByteBuffer()

  init(id: ConnectionID, pool: ConnectionPool) {
    self.id = id
    self.pool = pool
  }

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    buffer = context.channel.allocator.buffer(capacity: 1024)
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.context = nil
  }

  /// Sends a call; the connection must be idle.
  func send(_ call: PendingCall, deadline: NIODeadline) {
    guard let context else {
      call.fail(.brokenWhileSending)
      return
    }
    machine.send()
    pending = call
    self.deadline = deadline
    sequence &+= 1
    let sequence = sequence
    buffer.clear()
    pool.encoder.encode(call.call, into: &buffer)
    let written = context.eventLoop.makePromise(of: Void.self)
    written.futureResult.assumeIsolated().whenSuccess {
      if sequence == self.sequence { self.machine.written() }
    }
    context.writeAndFlush(wrapOutboundOut(buffer), promise: written)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    run(machine.received(unwrapInboundIn(data)))
  }

  func channelInactive(context: ChannelHandlerContext) {
    ended()
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    ended()
  }

  /// The connection is gone, or of no more use.
  func ended() {
    run(machine.ended())
  }

  /// The deadline of the call under way.
  var earliestDeadline: NIODeadline? { machine.isBusy ? deadline : nil }

  /// Ends the call under way if its time is over.
  func expire(now: NIODeadline) {
    if machine.isBusy, deadline <= now { run(machine.timedOut(after: pool.timeout)) }
  }

  /// Closes the connection and answers the call under way.
  func shutDown() {
    run(machine.shutDown())
  }

  private func run(_ action: HTTP1ConnectionStateMachine.Action) {
    switch action {
    case .none:
      break
    case .answer(let isReusable):
      let response = machine.response
      let call = takePending()
      if isReusable { pool.released(id, idleLimit: response.idleLimit) } else { retire(hasServed: true) }
      call.answer(status: response.status, headers: response.headers, body: response.body)
    case .fail(let fault):
      let call = takePending()
      retire()
      call.fail(fault)
    case .close:
      retire()
    }
  }

  private func retire(hasServed: Bool = false) {
    pool.retired(id, hasServed: hasServed)
    context?.close(promise: nil)
  }

  private func takePending() -> PendingCall {
    guard let call = pending else { preconditionFailure("a busy connection has a call") }
    pending = nil
    return call
  }
}
