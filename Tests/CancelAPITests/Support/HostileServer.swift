import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// What a hostile server does when a request has come.
enum HostileStep: Sendable {
  /// Sends these characters.
  case send(String)
  /// Sends the same block again and again until the connection closes.
  case sendForever(String)
  /// Closes the connection with a FIN.
  case close
  /// Closes the connection with a RST.
  case reset
}

/// An HTTP/1.1 server that does what a test tells it, byte by byte.
///
/// It reads requests without a body, and acts on each by its number.
final class HostileServer: Sendable {
  /// What to do about the request with this number, from 0.
  typealias Script = @Sendable (_ number: Int) -> [HostileStep]

  private struct State {
    var requests: [String] = []
    var connections = 0
    var open: [any Channel] = []
    var waiters: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
  }

  private let channel: any Channel
  private let log: Log

  private init(channel: any Channel, log: Log) {
    self.channel = channel
    self.log = log
  }

  /// The port, on 127.0.0.1.
  var port: Int { channel.localAddress?.port ?? 0 }

  /// The head of every request, in order.
  var requests: [String] { log.state.withLock { $0.requests } }

  /// How many connections were accepted.
  var connections: Int { log.state.withLock { $0.connections } }

  /// Waits until so many requests have come.
  func waitForRequests(_ count: Int) async {
    await withCheckedContinuation { continuation in
      let isThere = log.state.withLock { state in
        if state.requests.count >= count { return true }
        state.waiters.append((count, continuation))
        return false
      }
      if isThere { continuation.resume() }
    }
  }

  /// Closes every connection.
  func closeConnections() {
    for channel in log.state.withLock({ $0.open }) { channel.close(promise: nil) }
  }

  /// Runs a server for as long as `body` takes.
  static func run<Result>(
    tls: TLSConfiguration? = nil,
    script: @escaping Script,
    _ body: (HostileServer) async throws -> Result
  ) async throws -> Result {
    let log = Log()
    let context = try tls.map { try NIOSSLContext(configuration: $0) }
    let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { child in
        child.eventLoop.makeCompletedFuture {
          log.state.withLock {
            $0.connections += 1
            $0.open.append(child)
          }
          if let context { try child.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context)) }
          try child.pipeline.syncOperations.addHandler(Handler(log: log, script: script))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    let server = HostileServer(channel: channel, log: log)
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
    closeConnections()
    try await channel.close()
  }

  private final class Log: Sendable {
    let state = Mutex(State())

    func append(_ request: String) -> Int {
      let (number, ready) = state.withLock { state in
        state.requests.append(request)
        let count = state.requests.count
        let ready = state.waiters.filter { $0.count <= count }
        state.waiters.removeAll { $0.count <= count }
        return (count - 1, ready)
      }
      for waiter in ready { waiter.continuation.resume() }
      return number
    }
  }

  private final class Handler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let log: Log
    private let script: Script
    private var received = ""

    init(log: Log, script: @escaping Script) {
      self.log = log
      self.script = script
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      received += String(buffer: unwrapInboundIn(data))
      while let end = received.firstRange(of: "\r\n\r\n") {
        let head = String(received[..<end.upperBound])
        received.removeSubrange(..<end.upperBound)
        for step in script(log.append(head)) { act(step, context: context) }
      }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
      context.close(promise: nil)
    }

    private func act(_ step: HostileStep, context: ChannelHandlerContext) {
      switch step {
      case .send(let text):
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
      case .sendForever(let text):
        sendForever(ByteBuffer(string: text), context: context)
      case .close:
        context.close(promise: nil)
      case .reset:
        // a close that lingers for no time is a reset
        _ = (context.channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0))
        context.close(promise: nil)
      }
    }

    private func sendForever(_ block: ByteBuffer, context: ChannelHandlerContext) {
      let written = context.eventLoop.makePromise(of: Void.self)
      written.futureResult.assumeIsolated().whenSuccess { self.sendForever(block, context: context) }
      context.writeAndFlush(wrapOutboundOut(block), promise: written)
    }
  }
}
