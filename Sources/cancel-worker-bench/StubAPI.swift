import Foundation
import NIOCore
import NIOPosix
import Synchronization

/// A stand-in for the API that is lean enough not to be the bottleneck: it looks for a request's end and its order id,
/// answers 200 with a token, and notes when each order came.
final class StubAPI: Sendable {
  /// When the first call for an order came, by order id, in nanoseconds of the monotonic clock.
  let arrivals = Mutex<[Int64: UInt64]>([:])
  let calls = Atomic<Int>(0)
  private let group: MultiThreadedEventLoopGroup
  private let channel: any Channel

  /// - Parameters:
  ///   - delay: what each answer takes.
  ///   - notesArrivals: whether arrivals are kept, by order id.
  init(delay: Duration, notesArrivals: Bool) async throws {
    group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let box = StubBox()
    channel = try await ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: 1024)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(
            StubHandler(box: box, delay: delay, notesArrivals: notesArrivals))
        }
      }
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      .bind(host: "127.0.0.1", port: 0).get()
    box.stub.withLock { $0 = self }
  }

  /// Waits until it has had this many calls; looks every 2 ms.
  func waitForCalls(_ count: Int) async throws {
    while calls.load(ordering: .relaxed) < count { try await Task.sleep(for: .milliseconds(2)) }
  }

  /// What its thread has spent so far.
  var processorMicroseconds: Double {
    get async throws {
      try await group.next().submit {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) * 1e6 + Double(time.tv_nsec) / 1e3
      }.get()
    }
  }

  var baseURL: String { "http://127.0.0.1:\(channel.localAddress?.port ?? 0)" }

  func stop() async throws {
    try await channel.close()
    try await group.shutdownGracefully()
  }
}

/// Reaches the stub from handlers that are made while it is being made.
final class StubBox: Sendable {
  let stub = Mutex<StubAPI?>(nil)
}

final class StubHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let box: StubBox
  private let delay: TimeAmount
  private let notesArrivals: Bool
  private var stub: StubAPI?
  private var pending = ByteBuffer()
  private static let answer = ByteBuffer(
    string: "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 48\r\n\r\n"
      + "{\"token\":\"7f1da128-f516-4710-8474-915566c4b22e\"}")

  init(box: StubBox, delay: Duration, notesArrivals: Bool) {
    self.box = box
    self.delay = .nanoseconds(delay.components.seconds * 1_000_000_000 + delay.components.attoseconds / 1_000_000_000)
    self.notesArrivals = notesArrivals
  }

  func channelActive(context: ChannelHandlerContext) {
    stub = box.stub.withLock { $0 }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var bytes = unwrapInboundIn(data)
    if pending.readableBytes > 0 {
      pending.writeBuffer(&bytes)
      swap(&pending, &bytes)
      pending.clear()
    }
    while let length = lengthOfRequest(bytes) {
      if notesArrivals { note(bytes) }
      bytes.moveReaderIndex(forwardBy: length)
      stub?.calls.add(1, ordering: .relaxed)
      answer(context)
    }
    if bytes.readableBytes > 0 { pending = bytes }
  }

  /// Up to the blank line: a DELETE has no body.
  private func lengthOfRequest(_ bytes: ByteBuffer) -> Int? {
    bytes.withUnsafeReadableBytes { bytes in
      let lineFeed = UInt8(ascii: "\n")
      return bytes.indices.dropFirst(3).first { bytes[$0] == lineFeed && bytes[$0 - 2] == lineFeed }.map { $0 + 1 }
    }
  }

  private func answer(_ context: ChannelHandlerContext) {
    guard delay > .zero else {
      context.writeAndFlush(wrapOutboundOut(StubHandler.answer), promise: nil)
      return
    }
    let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
    context.eventLoop.assumeIsolated().scheduleTask(in: delay) { [self] in
      bound.value.writeAndFlush(self.wrapOutboundOut(StubHandler.answer), promise: nil)
    }
  }

  /// The digits before the first line's second blank are the order id.
  private func note(_ bytes: ByteBuffer) {
    let now = monotonicNanoseconds()
    var order: Int64 = 0
    var blanks = 0
    bytes.withUnsafeReadableBytes { bytes in
      for byte in bytes {
        if byte == UInt8(ascii: " ") {
          blanks += 1
          if blanks == 2 { break }
        } else if byte >= 0x30 && byte <= 0x39 {
          order = order &* 10 &+ Int64(byte - 0x30)
        } else {
          order = 0
        }
      }
    }
    stub?.arrivals.withLock { if $0[order] == nil { $0[order] = now } }
  }
}
