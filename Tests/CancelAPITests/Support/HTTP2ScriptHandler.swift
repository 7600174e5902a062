import NIOCore
import NIOHPACK
import NIOHTTP2

/// What an HTTP/2 server does when a request has come.
enum HTTP2Step: Sendable {
  /// Sends a header block on the request's stream.
  case headers(HPACKHeaders, end: Bool)
  /// Sends data on the request's stream.
  case data(String, end: Bool)
  /// Sends data on the request's stream for as long as it is open.
  case dataForever(String)
  /// Resets the request's stream.
  case resetStream(HTTP2ErrorCode)
  /// Says that the streams after this one won't be processed.
  case goAway(last: HTTP2StreamID)
  /// Changes how many streams there may be.
  case settings(maxConcurrentStreams: Int)
  /// Sends so many PINGs.
  case pings(Int)
  /// Closes the connection.
  case close
}

/// Reads requests without a body and does what the script says.
final class HTTP2ScriptHandler: ChannelInboundHandler {
  typealias InboundIn = HTTP2Frame
  typealias OutboundOut = HTTP2Frame

  private let log: ServerLog
  private let script: ScriptedServer.HTTP2Script
  private var closed: Set<HTTP2StreamID> = []

  init(log: ServerLog, script: @escaping ScriptedServer.HTTP2Script) {
    self.log = log
    self.script = script
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let frame = unwrapInboundIn(data)
    switch frame.payload {
    case .headers(let payload):
      let number = log.change { state in
        state.headers.append(payload.headers)
        return state.headers.count - 1
      }
      for step in script(number, frame.streamID) { act(step, on: frame.streamID, context: context) }
    case .rstStream:
      closed.insert(frame.streamID)
    default:
      break
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if !(error is NIOHTTP2Errors.StreamError) { context.close(promise: nil) }
  }

  private func act(_ step: HTTP2Step, on stream: HTTP2StreamID, context: ChannelHandlerContext) {
    switch step {
    case .headers(let headers, let end):
      write(.headers(.init(headers: headers, endStream: end)), on: stream, context: context)
    case .data(let text, let end):
      write(.data(.init(data: .byteBuffer(ByteBuffer(string: text)), endStream: end)), on: stream, context: context)
    case .dataForever(let text):
      sendForever(ByteBuffer(string: text), on: stream, context: context)
    case .resetStream(let code):
      write(.rstStream(code), on: stream, context: context)
    case .goAway(let last):
      write(.goAway(lastStreamID: last, errorCode: .noError, opaqueData: nil), on: .rootStream, context: context)
    case .settings(let count):
      let setting = HTTP2Setting(parameter: .maxConcurrentStreams, value: count)
      write(.settings(.settings([setting])), on: .rootStream, context: context)
    case .pings(let count):
      for number in 0..<count {
        write(.ping(HTTP2PingData(withInteger: UInt64(number)), ack: false), on: .rootStream, context: context)
      }
    case .close:
      context.close(promise: nil)
    }
  }

  private func write(_ payload: HTTP2Frame.FramePayload, on stream: HTTP2StreamID, context: ChannelHandlerContext) {
    context.writeAndFlush(wrapOutboundOut(HTTP2Frame(streamID: stream, payload: payload)), promise: nil)
  }

  private func sendForever(_ block: ByteBuffer, on stream: HTTP2StreamID, context: ChannelHandlerContext) {
    guard !closed.contains(stream) else { return }
    let written = context.eventLoop.makePromise(of: Void.self)
    written.futureResult.assumeIsolated().whenSuccess {
      context.eventLoop.assumeIsolated().execute { self.sendForever(block, on: stream, context: context) }
    }
    let payload = HTTP2Frame.FramePayload.data(.init(data: .byteBuffer(block)))
    context.writeAndFlush(wrapOutboundOut(HTTP2Frame(streamID: stream, payload: payload)), promise: written)
  }
}
