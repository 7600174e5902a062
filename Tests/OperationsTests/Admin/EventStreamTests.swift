import CancelContract
import NIOCore
import Testing

@testable import Operations

@Suite(.timeLimit(.minutes(1))) struct EventStreamTests {
  private static let request = "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n"

  @Test func statusAndResultsComeAsTheyHappen() async throws {
    let worker = FakeWorker()
    worker.feed.published([Sample.result(1, order: 11)], refused: [], at: Sample.start)
    try await worker.serve({ $0.bounds.eventInterval = .milliseconds(1) }) { port in
      try await RawClient.with(port: port) { reader, writer in
        try await writer.write(ByteBuffer(string: Self.request))
        let first = try await reader.read { $0.contains("event: results") && $0.hasSuffix("\n\n\r\n") }
        #expect(first.contains("event: status\ndata: {"))
        #expect(first.contains(#""order":"11""#))
        #expect(first.lowercased().contains("content-type: text/event-stream"))
        worker.feed.published(
          (1...20).map { Sample.result($0, order: 100 + $0) }, refused: [], at: Sample.start)
        let second = try await reader.read { $0.contains(#""order":"120""#) && $0.contains(#""more":15"#) }
        #expect(second.contains(#""order":"116""#))
        #expect(!second.contains(#""order":"115""#))
      }
    }
  }

  @Test func aGracefulShutdownEndsTheStreams() async throws {
    let worker = FakeWorker()
    let (closed, closing) = AsyncStream.makeStream(of: String.self)
    let reading = try await worker.serve { port in
      let (opened, opening) = AsyncStream.makeStream(of: Void.self)
      let reading = Task {
        let all = try await RawClient.ask(port: port, Self.request) {
          if $0.contains("event: status") { opening.yield() }
          return false
        }
        closing.yield(all)
      }
      for await _ in opened { break }
      return reading
    }
    for await all in closed {
      #expect(all.hasSuffix("0\r\n\r\n"))
      break
    }
    try await reading.value
  }

  @Test func streamsAreBoundedAndTheirPlacesComeFree() async throws {
    try await FakeWorker().serve({
      $0.bounds.eventStreams = 2
      $0.bounds.eventInterval = .milliseconds(1)
    }) { port in
      try await RawClient.with(port: port) { first, writer in
        try await writer.write(ByteBuffer(string: Self.request))
        _ = try await first.read { $0.contains("event: status") }
        try await RawClient.with(port: port) { second, writer in
          try await writer.write(ByteBuffer(string: Self.request))
          _ = try await second.read { $0.contains("event: status") }
          let third = try await RawClient.ask(
            port: port, "GET /events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
          #expect(third.hasPrefix("HTTP/1.1 503"))
          #expect(third.lowercased().contains("retry-after: 10"))
        }
        var again = ""
        while !again.hasPrefix("HTTP/1.1 200") {
          again = try await RawClient.ask(port: port, Self.request) {
            $0.contains("event: status") || $0.hasPrefix("HTTP/1.1 503") && $0.contains("close one")
          }
        }
      }
    }
  }

  @Test func aReaderThatDoesNotReadIsDropped() async throws {
    let worker = FakeWorker()
    worker.tell { $0.keys = (0..<200).map { Sample.key("key\($0)", waiting: $0) } }
    try await worker.serve({
      $0.bounds.eventStreams = 1
      $0.bounds.eventInterval = .microseconds(1)
      $0.bounds.stallTimeout = .milliseconds(100)
    }) { port in
      try await RawClient.with(port: port, receiveBuffer: 4096) { slow, writer in
        try await writer.write(ByteBuffer(string: Self.request))
        _ = try await slow.read { $0.contains("event: status") }
        // The one place comes free only when the server has given the slow reader up.
        var again = ""
        while !again.hasPrefix("HTTP/1.1 200") {
          again = try await RawClient.ask(port: port, Self.request) {
            $0.contains("event: status") || $0.hasPrefix("HTTP/1.1 503") && $0.contains("close one")
          }
        }
      }
    }
  }
}
