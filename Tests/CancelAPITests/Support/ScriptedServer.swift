import NIOCore
import NIOHPACK
import NIOHTTP2
import NIOPosix
import NIOSSL
import Synchronization

/// A server that does what a test tells it, byte by byte with HTTP/1.1 and frame by frame with HTTP/2.
///
/// It reads requests without a body, and acts on each by its number.
final class ScriptedServer: Sendable {
  /// What to do about the HTTP/1.1 request with this number, from 0.
  typealias Script = @Sendable (_ number: Int) -> [HTTP1Step]
  /// What to do about the HTTP/2 request with this number, from 0.
  typealias HTTP2Script = @Sendable (_ number: Int, _ stream: HTTP2StreamID) -> [HTTP2Step]

  private let channel: any Channel
  private let log: ServerLog

  private init(channel: any Channel, log: ServerLog) {
    self.channel = channel
    self.log = log
  }

  /// The port, on 127.0.0.1.
  var port: Int { channel.localAddress?.port ?? 0 }

  /// The head of every HTTP/1.1 request, in order.
  var requests: [String] { log.state.withLock { $0.requests } }

  /// The header block of every HTTP/2 request, in order.
  var headers: [HPACKHeaders] { log.state.withLock { $0.headers } }

  /// How many connections were accepted.
  var connections: Int { log.state.withLock { $0.connections } }

  /// Waits until so many requests have come.
  func waitForRequests(_ count: Int) async {
    await log.wait { max($0.requests.count, $0.headers.count) >= count }
  }

  /// Waits until so many connections have closed.
  func waitForClosed(_ count: Int) async {
    await log.wait { $0.closed >= count }
  }

  /// Waits until so many connections were accepted.
  func waitForConnections(_ count: Int) async {
    await log.wait { $0.connections >= count }
  }

  /// Closes every connection.
  func closeConnections() {
    for channel in log.state.withLock({ $0.open }) { channel.close(promise: nil) }
  }

  /// Sends these characters on every connection.
  func sendOnEveryConnection(_ text: String) {
    for channel in log.state.withLock({ $0.open }) { channel.writeAndFlush(ByteBuffer(string: text), promise: nil) }
  }

  /// Runs an HTTP/1.1 server for as long as `body` takes.
  ///
  /// - Parameter tls: How it is encrypted; `nil` for plain HTTP.
  static func run<Result>(
    tls: TLSConfiguration? = nil,
    script: @escaping Script,
    _ body: (ScriptedServer) async throws -> Result
  ) async throws -> Result {
    let context = try tls.map { try NIOSSLContext(configuration: $0) }
    return try await run(body) { log, pipeline in
      if let context { try pipeline.addHandler(NIOSSLServerHandler(context: context)) }
      try pipeline.addHandler(HTTP1ScriptHandler(log: log, script: script))
    }
  }

  /// Runs an HTTP/2 server over TLS for as long as `body` takes.
  static func runHTTP2<Result>(
    settings: HTTP2Settings = nioDefaultSettings,
    script: @escaping HTTP2Script,
    _ body: (ScriptedServer) async throws -> Result
  ) async throws -> Result {
    let context = try NIOSSLContext(configuration: TestCertificate.server.serverConfiguration(protocols: ["h2"]))
    var configuration = NIOHTTP2Handler.ConnectionConfiguration()
    configuration.initialSettings = settings
    // the answers to the PINGs that a script sends are control frames as well
    configuration.controlFrameRateLimit.maximumCount = .max
    return try await run(body) { [configuration] log, pipeline in
      try pipeline.addHandlers(
        NIOSSLServerHandler(context: context),
        NIOHTTP2Handler(mode: .server, connectionConfiguration: configuration),
        HTTP2ScriptHandler(log: log, script: script))
    }
  }

  private static func run<Result>(
    _ body: (ScriptedServer) async throws -> Result,
    install: @escaping @Sendable (ServerLog, ChannelPipeline.SynchronousOperations) throws -> Void
  ) async throws -> Result {
    let log = ServerLog()
    let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { child in
        child.eventLoop.makeCompletedFuture {
          log.change {
            $0.connections += 1
            $0.open.append(child)
          }
          child.closeFuture.whenComplete { _ in log.change { $0.closed += 1 } }
          try install(log, child.pipeline.syncOperations)
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    let server = ScriptedServer(channel: channel, log: log)
    let result: Swift.Result<Result, any Error>
    do { result = .success(try await body(server)) } catch { result = .failure(error) }
    server.closeConnections()
    try await channel.close()
    return try result.get()
  }
}

/// What came to a server, and who waits for more.
final class ServerLog: Sendable {
  struct State {
    var requests: [String] = []
    var headers: [HPACKHeaders] = []
    var connections = 0
    var closed = 0
    var open: [any Channel] = []
    fileprivate var waiters: [(isDone: @Sendable (State) -> Bool, continuation: CheckedContinuation<Void, Never>)] = []
  }

  let state = Mutex(State())

  func change<Result>(_ body: (inout sending State) -> Result) -> Result {
    let (result, ready) = state.withLock { state in
      let result = body(&state)
      let ready = state.waiters.filter { $0.isDone(state) }
      let copy = state
      state.waiters.removeAll { $0.isDone(copy) }
      return (result, ready)
    }
    for waiter in ready { waiter.continuation.resume() }
    return result
  }

  func wait(_ isDone: @escaping @Sendable (State) -> Bool) async {
    await withCheckedContinuation { continuation in
      let isThere = state.withLock { state in
        if isDone(state) { return true }
        state.waiters.append((isDone, continuation))
        return false
      }
      if isThere { continuation.resume() }
    }
  }
}
