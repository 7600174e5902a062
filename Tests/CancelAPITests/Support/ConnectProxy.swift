import NIOCore
import NIOPosix
import Synchronization

/// A proxy on 127.0.0.1 that makes tunnels with CONNECT, and may demand credentials.
final class ConnectProxy: Sendable {
  private let channel: any Channel
  private let log: Log

  private init(channel: any Channel, log: Log) {
    self.channel = channel
    self.log = log
  }

  /// The port, on 127.0.0.1.
  var port: Int { channel.localAddress?.port ?? 0 }

  /// The head of every request that came, in order.
  var requests: [String] { log.state.withLock { $0.requests } }

  /// Runs a proxy for as long as `body` takes.
  ///
  /// - Parameter authorization: The value of `proxy-authorization` that it demands.
  static func run<Result>(
    authorization: String? = nil, _ body: (ConnectProxy) async throws -> Result
  ) async throws -> Result {
    let log = Log()
    let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { child in
        child.eventLoop.makeCompletedFuture {
          log.state.withLock { $0.open.append(child) }
          try child.pipeline.syncOperations.addHandler(ConnectHandler(log, authorization))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    let result: Swift.Result<Result, any Error>
    do { result = .success(try await body(ConnectProxy(channel: channel, log: log))) } catch {
      result = .failure(error)
    }
    for child in log.state.withLock({ $0.open }) { child.close(promise: nil) }
    try await channel.close()
    return try result.get()
  }

  fileprivate final class Log: Sendable {
    struct State {
      var requests: [String] = []
      var open: [any Channel] = []
    }

    let state = Mutex(State())
  }
}

/// Reads the head of a CONNECT, makes the tunnel, and passes everything on from then.
private final class ConnectHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let log: ConnectProxy.Log
  private let authorization: String?
  private var head = ""
  private var target: (any Channel)?

  init(_ log: ConnectProxy.Log, _ authorization: String?) {
    self.log = log
    self.authorization = authorization
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let bytes = unwrapInboundIn(data)
    if let target { return target.writeAndFlush(bytes, promise: nil) }
    head += String(buffer: bytes)
    guard head.hasSuffix("\r\n\r\n") else { return }
    log.state.withLock { $0.requests.append(head) }
    if let authorization, !head.lowercased().contains("proxy-authorization: \(authorization.lowercased())\r\n") {
      return answer(
        "HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic\r\ncontent-length: 0\r\n\r\n", context)
    }
    let address = head.split(separator: " ")[1].split(separator: ":")
    guard address.count == 2, let port = Int(address[1]) else {
      return answer("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n", context)
    }
    let client = context.channel
    ClientBootstrap(group: context.eventLoop)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(PassingHandler(client)) }
      }
      .connect(host: String(address[0]), port: port)
      .assumeIsolated().whenComplete { result in
        switch result {
        case .success(let target):
          self.target = target
          self.answer("HTTP/1.1 200 Connection established\r\n\r\n", context)
        case .failure:
          self.answer("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n", context)
        }
      }
  }

  func channelInactive(context: ChannelHandlerContext) {
    target?.close(promise: nil)
  }

  private func answer(_ text: String, _ context: ChannelHandlerContext) {
    context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
  }
}

/// Passes everything on to another channel.
private final class PassingHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private let other: any Channel

  init(_ other: any Channel) {
    self.other = other
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    other.writeAndFlush(unwrapInboundIn(data), promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) {
    other.close(promise: nil)
  }
}
