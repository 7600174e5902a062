import NIOCore
import NIOPosix

/// A connection that says what a test wants, byte for byte.
struct RawClient {
  let channel: NIOAsyncChannel<ByteBuffer, ByteBuffer>

  /// Connects for the time of `body`.
  static func with<Result: Sendable>(
    port: Int, receiveBuffer: Int? = nil,
    _ body: @Sendable (inout RawReader, NIOAsyncChannelOutboundWriter<ByteBuffer>) async throws -> Result
  ) async throws -> Result {
    var bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
    if let receiveBuffer {
      bootstrap = bootstrap.channelOption(.socketOption(.so_rcvbuf), value: SocketOptionValue(receiveBuffer))
    }
    let channel = try await bootstrap.connect(host: "127.0.0.1", port: port) { channel in
      channel.eventLoop.makeCompletedFuture {
        try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
          wrappingChannelSynchronously: channel,
          configuration: .init(
            backPressureStrategy: .init(lowWatermark: 1, highWatermark: 1), isOutboundHalfClosureEnabled: true))
      }
    }
    return try await channel.executeThenClose { inbound, outbound in
      var reader = RawReader(iterator: inbound.makeAsyncIterator())
      return try await body(&reader, outbound)
    }
  }

  /// Sends one request and gives back all that comes, until the server closes, be it before all is sent, or `enough`
  /// says so.
  static func ask(
    port: Int, _ request: String, until enough: @escaping @Sendable (String) -> Bool = { _ in false }
  ) async throws -> String {
    try await with(port: port) { reader, writer in
      try? await writer.write(ByteBuffer(string: request))
      return try await reader.read(until: enough)
    }
  }
}

struct RawReader {
  var iterator: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
  private(set) var text = ""

  init(iterator: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator) {
    self.iterator = iterator
  }

  /// Everything so far, as soon as `enough` says so or the server has closed.
  mutating func read(until enough: (String) -> Bool) async throws -> String {
    while !enough(text) {
      guard let buffer = try? await iterator.next() else { break }
      text += String(buffer: buffer)
    }
    return text
  }
}
