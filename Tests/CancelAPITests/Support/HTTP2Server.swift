import NIOCore
import NIOHPACK
import NIOHTTP2
import NIOPosix
import NIOSSL
import Synchronization

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
  /// Closes the connection.
  case close
}

/// An HTTP/2 server over TLS that does what a test tells it, frame by frame.
final class HTTP2Server: Sendable {
  /// What to do about the request with this number, from 0.
  typealias Script = @Sendable (_ number: Int, _ stream: HTTP2StreamID) -> [HTTP2Step]

  private struct State {
    var requests: [HPACKHeaders] = []
    var connections = 0
    var resets: [HTTP2StreamID] = []
    var open: [any Channel] = []
  }

  private let channel: any Channel
  private let log: Log

  private init(channel: any Channel, log: Log) {
    self.channel = channel
    self.log = log
  }

  /// The port, on 127.0.0.1.
  var port: Int { channel.localAddress?.port ?? 0 }
  /// The header block of every request, in order.
  var requests: [HPACKHeaders] { log.state.withLock { $0.requests } }
  /// How many connections were accepted.
  var connections: Int { log.state.withLock { $0.connections } }

  /// Runs a server for as long as `body` takes.
  static func run<Result>(
    settings: HTTP2Settings = nioDefaultSettings,
    script: @escaping Script,
    _ body: (HTTP2Server) async throws -> Result
  ) async throws -> Result {
    let log = Log()
    let context = try NIOSSLContext(configuration: TestCertificate.server.serverConfiguration(protocols: ["h2"]))
    let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { child in
        child.eventLoop.makeCompletedFuture {
          log.state.withLock {
            $0.connections += 1
            $0.open.append(child)
          }
          try child.pipeline.syncOperations.addHandlers(
            NIOSSLServerHandler(context: context), NIOHTTP2Handler(mode: .server, initialSettings: settings),
            Handler(log: log, script: script))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    let server = HTTP2Server(channel: channel, log: log)
    do {
      let result = try await body(server)
      try await server.stop()
      return result
    } catch {
      try await server.stop()
      throw error
    }
  }

  private func stop() async throws {
    for channel in log.state.withLock({ $0.open }) { channel.close(promise: nil) }
    try await channel.close()
  }

  private final class Log: Sendable {
    let state = Mutex(State())
  }

  private final class Handler: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame
    typealias OutboundOut = HTTP2Frame

    private let log: Log
    private let script: Script
    private var closed: Set<HTTP2StreamID> = []

    init(log: Log, script: @escaping Script) {
      self.log = log
      self.script = script
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      let frame = unwrapInboundIn(data)
      switch frame.payload {
      case .headers(let payload):
        let number = log.state.withLock { state in
          state.requests.append(payload.headers)
          return state.requests.count - 1
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
        write(
          .goAway(lastStreamID: last, errorCode: .noError, opaqueData: nil), on: .rootStream, context: context)
      case .settings(let count):
        let setting = HTTP2Setting(parameter: .maxConcurrentStreams, value: count)
        write(.settings(.settings([setting])), on: .rootStream, context: context)
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
      context.writeAndFlush(
        wrapOutboundOut(HTTP2Frame(streamID: stream, payload: payload)), promise: written)
    }
  }
}
