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
