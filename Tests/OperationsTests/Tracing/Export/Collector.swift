import NIOCore
import NIOPosix
import Synchronization

/// A collector of spans that answers what a test wants: HTTP/1.1 with `content-length`, byte for byte.
final class Collector: Sendable {
  struct Request: Sendable {
    var head: String
    var body: [UInt8]

    /// The header's value; `nil` where it is missing.
    func header(_ name: String) -> String? {
      head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("\(name): ") }
        .map { String($0.dropFirst(name.utf8.count + 2)) }
    }
  }

  /// What is answered to the request with this number, from 0; `nil` for nothing at all.
  typealias Script = @Sendable (_ number: Int) -> String?

  private struct State {
    var requests: [Request] = []
    var waiters: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
  }

  private let state = Mutex(State())
  private let channel: Mutex<(any Channel)?> = Mutex(nil)

  var requests: [Request] { state.withLock { $0.requests } }

  var port: Int { channel.withLock { $0?.localAddress?.port ?? 0 } }

  /// Waits until so many requests have come.
  func wait(for count: Int) async {
    await withCheckedContinuation { continuation in
      let isThere = state.withLock { state in
        if state.requests.count >= count { return true }
        state.waiters.append((count, continuation))
        return false
      }
      if isThere { continuation.resume() }
    }
  }

  /// Listens for as long as `body` takes.
  static func run<Result>(
    _ script: @escaping Script = { _ in answer(200, "{}") }, _ body: (Collector) async throws -> Result
  ) async throws -> Result {
    let collector = Collector()
    let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { child in
        child.eventLoop.makeCompletedFuture {
          try child.pipeline.syncOperations.addHandler(Handler(collector, script))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    collector.channel.withLock { $0 = channel }
    do {
      let result = try await body(collector)
      try await channel.close()
      return result
    } catch {
      try await channel.close()
      throw error
    }
  }

  static func answer(_ status: Int, _ body: String = "", headers: [String] = []) -> String {
    let lines = ["HTTP/1.1 \(status) X", "content-length: \(body.utf8.count)"] + headers
    return lines.joined(separator: "\r\n") + "\r\n\r\n" + body
  }

  private func take(_ request: Request) -> Int {
    let (number, ready) = state.withLock { state in
      state.requests.append(request)
      let count = state.requests.count
      let ready = state.waiters.filter { $0.count <= count }.map(\.continuation)
      state.waiters.removeAll { $0.count <= count }
      return (count - 1, ready)
    }
    for continuation in ready { continuation.resume() }
    return number
  }

  private final class Handler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let collector: Collector
    private let script: Script
    private var received = ByteBuffer()

    init(_ collector: Collector, _ script: @escaping Script) {
      self.collector = collector
      self.script = script
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      received.writeImmutableBuffer(unwrapInboundIn(data))
      let bytes = Array(received.readableBytesView)
      guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { return }
      var request = Request(head: String(decoding: bytes[..<end.lowerBound], as: UTF8.self), body: [])
      let length = request.header("content-length").flatMap { Int($0) } ?? 0
      guard bytes.count >= end.upperBound + length else { return }
      request.body = Array(bytes[end.upperBound..<end.upperBound + length])
      received.clear()
      received.writeBytes(bytes[(end.upperBound + length)...])
      guard let answer = script(collector.take(request)) else { return }
      context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: answer)), promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
      context.close(promise: nil)
    }
  }
}
