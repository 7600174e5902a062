import CancelContract
import FoundationEssentials
import NIOCore
import NIOHPACK
import NIOHTTP2

/// An HTTP/2 connection, which carries many calls at a time: the handler behind `NIOHTTP2Handler`.
///
/// It deals in frames, without a channel for each stream: a call is one HEADERS frame out, and its answer a handful of
/// frames in. Stream and header rules, SETTINGS and PING are `NIOHTTP2Handler`'s; the windows are seen to here.
/// Everything happens on the channel's event loop.
final class HTTP2Connection: ChannelInboundHandler {
  typealias InboundIn = HTTP2Frame
  typealias OutboundOut = HTTP2Frame

  /// The most calls at a time until the server's SETTINGS say (RFC 9113 recommends no less than this).
  static let initialCapacity = 100

  /// A stream's window takes the longest body that is read, so that it never has to be widened.
  static let settings: HTTP2Settings = [
    HTTP2Setting(parameter: .enablePush, value: 0),
    HTTP2Setting(parameter: .initialWindowSize, value: 2 * AnswerReader.longestBody),
    HTTP2Setting(parameter: .maxHeaderListSize, value: HTTP1ResponseParser.longestHead),
  ]

  /// The connection's own window, kept between this and the half of it.
  private static let window = 1 << 20

  /// One call under way.
  private struct Stream {
    let call: PendingCall
    let deadline: NIODeadline
    let sentAt: NIODeadline
    var isWritten = false
    var status: Int?
    var headers = AnswerHeaders()
    var body = ByteBuffer()
  }

  private let id: ConnectionID
  private let pool: ConnectionPool
  private var context: ChannelHandlerContext?
  private var streams: [HTTP2StreamID: Stream] = [:]
  private var nextStream = HTTP2StreamID(1)
  private var lastReceived = NIODeadline.now()
  private var isRetired = false

  init(id: ConnectionID, pool: ConnectionPool) {
    self.id = id
    self.pool = pool
  }

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    // a connection's window begins with 65,535 bytes, and no setting changes that
    widenWindow(by: Self.window - 65_535)
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.context = nil
  }

  /// Sends a call.
  func send(_ call: PendingCall, deadline: NIODeadline) {
    guard let context else {
      call.fail(.brokenWhileSending)
      return
    }
    let id = nextStream
    nextStream = nextStream.advanced(by: 2)
    streams[id] = Stream(call: call, deadline: deadline, sentAt: deadline - pool.timeout)
    let headers = pool.encoder.headers(call.call)
    let frame = HTTP2Frame(streamID: id, payload: .headers(.init(headers: headers, endStream: true)))
    let written = context.eventLoop.makePromise(of: Void.self)
    written.futureResult.assumeIsolated().whenComplete { result in
      switch result {
      case .success: self.streams[id]?.isWritten = true
      case .failure: self.end(id, with: .brokenWhileSending, isClosing: true)
      }
    }
    context.writeAndFlush(wrapOutboundOut(frame), promise: written)
    // stream numbers are used up after a thousand million calls
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
      for id in streams.keys where id > last { end(id, with: .notProcessed) }
    case .settings(.settings(let settings)):
      for setting in settings where setting.parameter == .maxConcurrentStreams {
        pool.capacityChanged(id, to: setting.value)
      }
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
    if error is NIOHTTP2Errors.StreamError { return }
    retire()
    endAll(with: .unreadableAnswer)
    context.close(promise: nil)
  }

  /// The earliest deadline of the calls under way.
  var earliestDeadline: NIODeadline? { streams.values.map(\.deadline).min() }

  /// Ends the calls whose time is over.
  func expire(now: NIODeadline) {
    for (id, stream) in streams where stream.deadline <= now {
      // nothing at all has come since: the connection is dead, whatever the socket says
      if lastReceived < stream.sentAt { retire() }
      write(HTTP2Frame(streamID: id, payload: .rstStream(.cancel)))
      end(id, with: .noAnswer(within: pool.timeout))
    }
  }

  /// Closes the connection and answers the calls under way.
  func shutDown() {
    retire()
    endAll(with: .shutDownAfterSending)
    context?.close(promise: nil)
  }

  private func receive(_ payload: HTTP2Frame.FramePayload.Headers, on id: HTTP2StreamID) {
    guard var stream = streams[id] else { return }
    // a second block is the trailers
    if stream.status == nil {
      guard let status = payload.headers.first(name: ":status").flatMap({ Int($0) }) else {
        return end(id, with: .unreadableAnswer)
      }
      if status >= 200 {
        stream.status = status
        for (name, value, _) in payload.headers { stream.headers.take(name: name, value: value) }
        streams[id] = stream
      }
    }
    if payload.endStream { end(id, with: .closedEarly) }
  }

  private func receive(_ payload: HTTP2Frame.FramePayload.Data, on id: HTTP2StreamID) {
    guard case .byteBuffer(var data) = payload.data else { return }
    guard var stream = streams.removeValue(forKey: id) else { return }
    let room = AnswerReader.longestBody - stream.body.readableBytes
    let isTooLong = data.readableBytes > room
    if stream.body.readableBytes == 0, !isTooLong {
      stream.body = data
    } else if let kept = data.readSlice(length: min(room, data.readableBytes)) {
      stream.body.writeImmutableBuffer(kept)
    }
    streams[id] = stream
    if isTooLong { write(HTTP2Frame(streamID: id, payload: .rstStream(.cancel))) }
    if isTooLong || payload.endStream { end(id, with: .closedEarly) }
  }

  /// Answers every call, for the connection is about to close or has closed.
  private func endAll(with fault: CallFault) {
    for id in Array(streams.keys) { end(id, with: fault, isClosing: true) }
  }

  /// Answers a call: from its head where that has come, else with the fault.
  ///
  /// - Parameter isClosing: Whether what has not left by now never will.
  private func end(_ id: HTTP2StreamID, with fault: CallFault, isClosing: Bool = false) {
    guard let stream = streams.removeValue(forKey: id) else { return }
    if !isRetired { pool.released(self.id, idleLimit: nil) }
    if let status = stream.status {
      stream.call.answer(status: status, headers: stream.headers, body: stream.body)
    } else {
      stream.call.fail(isClosing && !stream.isWritten ? .brokenWhileSending : fault)
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
