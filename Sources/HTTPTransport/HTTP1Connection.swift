import NIOCore
import NIOHTTP1

/// The shell around ``HTTP1ConnectionStateMachine``: the last handler of an HTTP/1.1 connection's channel.
///
/// Everything happens on the channel's event loop.
final class HTTP1Connection: ChannelInboundHandler {
  typealias InboundIn = HTTPClientResponsePart
  typealias OutboundOut = HTTPClientRequestPart

  /// The connection's number in its pool.
  let id: ConnectionID
  private let pool: ConnectionPool
  private let writer = HTTP1RequestWriter()
  private var machine: HTTP1ConnectionStateMachine
  private var context: ChannelHandlerContext?
  private var pending: PendingRequest?
  private var deadline = NIODeadline.distantFuture
  /// Counts requests, so that a late report of a write is not taken for the next request's.
  private var sequence: UInt64 = 0

  init(id: ConnectionID, pool: ConnectionPool) {
    self.id = id
    self.pool = pool
    self.machine = HTTP1ConnectionStateMachine(longestBody: pool.longestBody)
  }

  /// Adds the connection's handlers to the end of `pipeline`.
  func install(in pipeline: ChannelPipeline.SynchronousOperations) throws {
    var limits = NIOHTTPDecoderLimitConfiguration()
    limits.maxHeaderListSize = pool.longestHead
    let decoder = HTTPResponseDecoder(limitConfiguration: limits)
    try pipeline.addHandlers(writer, ByteToMessageHandler(decoder), self)
  }

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.context = nil
  }

  /// Sends a request; the connection must be idle.
  func send(_ request: PendingRequest, deadline: NIODeadline) {
    guard let context else { return request.fail(.brokenWhileSending) }
    machine.send(passesBodyOn: request.onBody != nil)
    pending = request
    self.deadline = deadline
    sequence &+= 1
    let sequence = sequence
    writer.prepare(request.request)
    let written = context.eventLoop.makePromise(of: Void.self)
    written.futureResult.assumeIsolated().whenSuccess {
      if sequence == self.sequence { self.machine.written() }
    }
    context.writeAndFlush(wrapOutboundOut(.head(request.request.template.head)), promise: written)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    run(machine.received(unwrapInboundIn(data)))
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    run(machine.readEnded())
    context.fireChannelReadComplete()
  }

  func channelInactive(context: ChannelHandlerContext) {
    ended()
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    let fault = HTTPFault(endOfConnection: error)
    if machine.isBusy { pool.failed(id, fault) }
    run(machine.failed(fault))
  }

  /// The connection is gone.
  func ended() {
    run(machine.failed(.closedEarly))
  }

  /// The deadline of the request under way.
  var earliestDeadline: NIODeadline? { machine.isBusy ? deadline : nil }

  /// Ends the request under way if its time is over.
  func expire(now: NIODeadline) {
    if machine.isBusy, deadline <= now { run(machine.timedOut(after: pool.timeout)) }
  }

  /// Closes the connection once no request is under way.
  func drain() {
    run(machine.drain())
  }

  /// Closes the connection and answers the request under way.
  func shutDown() {
    run(machine.shutDown())
  }

  private func run(_ action: HTTP1ConnectionStateMachine.Action) {
    switch action {
    case .none:
      break
    case .passOn(let data):
      pending?.onBody?(data)
    case .answer(let response, let isReusable):
      let request = takePending()
      if response.status == HTTPResponse.misdirected {
        retire(hasServed: true)
        return pool.misdirected(request, response)
      }
      if isReusable { pool.released(id, idleLimit: response.idleLimit) } else { retire(hasServed: true) }
      request.answer(response.decoded(limit: pool.longestBody))
    case .fail(let fault):
      let request = takePending()
      retire()
      if fault == .brokenWhileSending {
        pool.submitAgain(request, onFreshConnection: true, orElse: fault)
      } else {
        request.fail(fault)
      }
    case .close:
      retire()
    }
  }

  private func retire(hasServed: Bool = false) {
    pool.retired(id, hasServed: hasServed)
    context?.close(promise: nil)
  }

  private func takePending() -> PendingRequest {
    guard let request = pending else { preconditionFailure("a busy connection has a request") }
    pending = nil
    return request
  }
}

/// Writes a whole request in the place of its head.
///
/// The response decoder has to see a request's head pass, so one is sent through it; here, behind the decoder, the
/// bytes of the template take its place.
private final class HTTP1RequestWriter: ChannelOutboundHandler {
  typealias OutboundIn = HTTPClientRequestPart
  typealias OutboundOut = ByteBuffer

  private var buffer = ByteBuffer()

  func handlerAdded(context: ChannelHandlerContext) {
    buffer = context.channel.allocator.buffer(capacity: 1024)
  }

  /// The request whose head passes next.
  func prepare(_ request: HTTPRequest) {
    buffer.clear()
    request.encode(into: &buffer)
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    context.write(wrapOutboundOut(buffer), promise: promise)
  }
}
