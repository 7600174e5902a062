import NIOCore
import NIOHPACK
import NIOHTTP2
import NIOPosix

/// An HTTP/2 connection, which carries many requests at a time: the handler behind `NIOHTTP2Handler`.
///
/// It deals in frames, without a channel for each stream: a request is one HEADERS frame out, and its response a
/// handful of frames in. Stream and header rules, SETTINGS and PING are `NIOHTTP2Handler`'s; the windows are seen to
/// here. Everything happens on the channel's event loop.
final class HTTP2Connection: ChannelInboundHandler {
  typealias InboundIn = HTTP2Frame
  typealias OutboundOut = HTTP2Frame

  /// The most requests at a time where the server's SETTINGS name no number (RFC 9113 recommends no less than this).
  private static let defaultCapacity = 100

  /// The connection's own window, kept between this and the half of it.
  private static let window = 1 << 20

  /// How many PING, SETTINGS and PRIORITY frames a server may send in 30 s: many more than the 200 of swift-nio-http2,
  /// for a proxy that probes with PINGs is no attacker, and each costs a fraction of a microsecond.
  private static let mostControlFrames = 20_000

  /// One request under way.
  private struct Stream {
    let request: PendingRequest
    let deadline: NIODeadline
    let sentAt: NIODeadline
    var isWritten = false
    var response: HTTPResponse?
  }

  /// Why the connection ended, where that was before the server's first SETTINGS.
  private(set) var endBeforeReady: any Error = IOError(errnoCode: ECONNRESET, reason: "closed before its SETTINGS")

  private let id: ConnectionID
  private let pool: ConnectionPool
  private var context: ChannelHandlerContext?
  private var streams: [HTTP2StreamID: Stream] = [:]
  private var nextStream = HTTP2StreamID(1)
  private var lastReceived = NIODeadline.now()
  /// By when the server's first SETTINGS must come; `nil` once they came.
  private var settingsDeadline: NIODeadline?
  private var isRetired = false

  init(id: ConnectionID, pool: ConnectionPool) {
    self.id = id
    self.pool = pool
    self.settingsDeadline = .now() + pool.timeout
  }

  /// Adds the connection's handlers to the end of `pipeline`.
  func install(in pipeline: ChannelPipeline.SynchronousOperations) throws {
    var configuration = NIOHTTP2Handler.ConnectionConfiguration()
    configuration.initialSettings = [
      HTTP2Setting(parameter: .enablePush, value: 0),
      // a stream's window takes the longest body that is read, so that it never has to be widened
      HTTP2Setting(parameter: .initialWindowSize, value: 2 * pool.longestBody),
      HTTP2Setting(parameter: .maxHeaderListSize, value: pool.longestHead),
    ]
    configuration.controlFrameRateLimit.maximumCount = Self.mostControlFrames
    try pipeline.addHandlers(NIOHTTP2Handler(mode: .client, connectionConfiguration: configuration), self)
  }

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    // a connection's window begins with 65,535 bytes, and no setting changes that
    widenWindow(by: Self.window - 65_535)
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.context = nil
  }

  /// Sends a request.
  func send(_ request: PendingRequest, deadline: NIODeadline) {
    guard let context else { return request.fail(.brokenWhileSending) }
    let id = nextStream
    nextStream = nextStream.advanced(by: 2)
    streams[id] = Stream(request: request, deadline: deadline, sentAt: deadline - pool.timeout)
    let frame = HTTP2Frame(
      streamID: id, payload: .headers(.init(headers: request.request.headers(), endStream: true)))
    let written = context.eventLoop.makePromise(of: Void.self)
    written.futureResult.assumeIsolated().whenComplete { result in
      switch result {
      case .success: self.streams[id]?.isWritten = true
      case .failure: self.end(id, with: .brokenWhileSending, isClosing: true)
      }
    }
    context.writeAndFlush(wrapOutboundOut(frame), promise: written)
    // stream numbers are used up after a thousand million requests
    if nextStream > 0x7FFF_0000 { retire() }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    lastReceived = .now()
    let frame = unwrapInboundIn(data)
    switch frame.payload {
    case .headers(let payload): receive(payload, on: frame.streamID)
    case .data(let payload): receive(payload, on: frame.streamID)
    case .rstStream(let code):
      end(frame.streamID, with: code == .refusedStream ? .notProcessed : .closedEarly)
    case .goAway(let last, _, _):
      retire()
      for id in streams.keys.sorted(by: >) where id > last { end(id, with: .notProcessed) }
    case .settings(.settings(let settings)):
      receive(settings)
    default:
      break
    }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    switch event {
    case let event as StreamClosedEvent:
      if let reason = event.reason {
        end(event.streamID, with: reason == .refusedStream ? .notProcessed : .closedEarly)
      }
    case let event as NIOHTTP2WindowUpdatedEvent where event.streamID == .rootStream:
      if let size = event.inboundWindowSize, size < Self.window / 2 { widenWindow(by: Self.window - size) }
    default:
      break
    }
    context.fireUserInboundEventTriggered(event)
  }

  func channelInactive(context: ChannelHandlerContext) {
    ended()
    context.fireChannelInactive()
  }

  /// The connection is gone.
  func ended() {
    retire()
    endAll(with: .closedEarly)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if let error = error as? NIOHTTP2Errors.StreamError {
      return end(error.streamID, with: HTTPFault(endOfConnection: error.baseError))
    }
    let fault = HTTPFault(endOfConnection: error)
    endBeforeReady = error
    pool.failed(id, fault)
    retire()
    endAll(with: fault)
    context.close(promise: nil)
  }

  /// The earliest deadline of the requests under way, or of the first SETTINGS.
  var earliestDeadline: NIODeadline? { settingsDeadline ?? streams.values.map(\.deadline).min() }

  /// Ends the requests whose time is over.
  func expire(now: NIODeadline) {
    if let deadline = settingsDeadline, deadline <= now {
      endBeforeReady = ChannelError.connectTimeout(pool.timeout)
      context?.close(promise: nil)
    }
    for (id, stream) in streams where stream.deadline <= now {
      // nothing at all has come since: the connection is dead, whatever the socket says
      if lastReceived < stream.sentAt { retire() }
      write(HTTP2Frame(streamID: id, payload: .rstStream(.cancel)))
      end(id, with: .noResponse(within: pool.timeout))
    }
  }

  /// Closes the connection once no request is under way.
  func drain() {
    retire()
  }

  /// Closes the connection and answers the requests under way.
  func shutDown() {
    retire()
    endAll(with: .shutDownAfterSending)
    context?.close(promise: nil)
  }

  private func receive(_ settings: HTTP2Settings) {
    let capacity = settings.last { $0.parameter == .maxConcurrentStreams }?.value
    if settingsDeadline != nil {
      settingsDeadline = nil
      pool.capacityChanged(id, to: capacity ?? Self.defaultCapacity)
    } else if let capacity {
      pool.capacityChanged(id, to: capacity)
    }
  }

  private func receive(_ payload: HTTP2Frame.FramePayload.Headers, on id: HTTP2StreamID) {
    // a second block is the trailers
    if let stream = streams[id], stream.response == nil {
      guard let status = payload.headers.first(name: ":status").flatMap({ Int($0) }) else {
        return end(id, with: .unreadable("its headers have no status"))
      }
      if status >= 200 {
        streams[id]?.response = HTTPResponse(status: status, headers: .http2(payload.headers))
      }
    }
    if payload.endStream { end(id, with: .closedEarly) }
  }

  private func receive(_ payload: HTTP2Frame.FramePayload.Data, on id: HTTP2StreamID) {
    guard case .byteBuffer(let data) = payload.data, let stream = streams[id] else { return }
    let hasRoom: Bool
    if let onBody = stream.request.onBody, stream.response?.isFitForPassingOn == true {
      hasRoom = streams[id]?.response?.passOn(data, limit: pool.longestBody) ?? true
      if hasRoom { onBody(data) }
    } else {
      hasRoom = streams[id]?.response?.append(data, limit: pool.longestBody) ?? true
    }
    if !hasRoom { write(HTTP2Frame(streamID: id, payload: .rstStream(.cancel))) }
    if !hasRoom || payload.endStream { end(id, with: .closedEarly) }
  }

  /// Answers every request, for the connection is about to close or has closed.
  private func endAll(with fault: HTTPFault) {
    // the newest first, so that those that go out again do so in their order
    for id in streams.keys.sorted(by: >) { end(id, with: fault, isClosing: true) }
  }

  /// Answers a request: from its head where that has come, else with the fault.
  ///
  /// - Parameter isClosing: Whether what has not left by now never will.
  private func end(_ id: HTTP2StreamID, with fault: HTTPFault, isClosing: Bool = false) {
    guard let stream = streams.removeValue(forKey: id) else { return }
    if let response = stream.response {
      if response.status == HTTPResponse.misdirected { retire() }
      if !isRetired { pool.released(self.id, idleLimit: nil) }
      if response.status == HTTPResponse.misdirected {
        pool.misdirected(stream.request, response)
      } else {
        stream.request.answer(response.decoded(limit: pool.longestBody))
      }
    } else {
      if !isRetired { pool.released(self.id, idleLimit: nil) }
      let fault = isClosing && !stream.isWritten ? .brokenWhileSending : fault
      if fault.mayBeSent || fault.code == .shutDown {
        stream.request.fail(fault)
      } else {
        pool.submitAgain(stream.request, onFreshConnection: false, orElse: fault)
      }
    }
    if isRetired, streams.isEmpty { context?.close(promise: nil) }
  }

  private func retire() {
    guard !isRetired else { return }
    isRetired = true
    pool.retired(id)
    if streams.isEmpty { context?.close(promise: nil) }
  }

  private func widenWindow(by increment: Int) {
    write(HTTP2Frame(streamID: .rootStream, payload: .windowUpdate(windowSizeIncrement: increment)))
  }

  private func write(_ frame: HTTP2Frame) {
    context?.writeAndFlush(wrapOutboundOut(frame), promise: nil)
  }
}
