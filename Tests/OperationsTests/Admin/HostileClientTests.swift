import NIOCore
import Testing

@testable import Operations

/// Clients that mean ill: each test ends only because the server closes.
@Suite(.timeLimit(.minutes(1))) struct HostileClientTests {
  @Test func silence() async throws {
    try await FakeWorker().serve({ $0.bounds.idleTimeout = .milliseconds(50) }) { port in
      let answer = try await RawClient.ask(port: port, "")
      #expect(answer == "")
    }
  }

  @Test func aHeadThatNeverEnds() async throws {
    try await FakeWorker().serve({ $0.bounds.idleTimeout = .milliseconds(50) }) { port in
      let answer = try await RawClient.ask(port: port, "GET / HTTP/1.1\r\nHost: localhost\r\nX-A: ")
      #expect(answer == "")
    }
  }

  @Test func aHeadThatComesInDropsHasTheConnectionsTime() async throws {
    // each drop is a sign of life, so that no idle timeout ends it
    try await FakeWorker().serve({ $0.bounds.requestTimeout = .milliseconds(200) }) { port in
      let answer = try await RawClient.with(port: port) { reader, writer in
        try await withThrowingTaskGroup(of: Void.self) { group in
          group.addTask {
            try? await writer.write(ByteBuffer(string: "GET / HTTP/1.1\r\nHost: localhost\r\n"))
            while !Task.isCancelled {
              guard (try? await writer.write(ByteBuffer(string: "X-A: b\r\n"))) != nil else { return }
              try await Task.sleep(for: .milliseconds(20))
            }
          }
          let text = try await reader.read { _ in false }
          group.cancelAll()
          return text
        }
      }
      #expect(answer == "" || answer.hasPrefix("HTTP/1.1 4"))
    }
  }

  @Test func aBodyThatNeverEnds() async throws {
    try await FakeWorker().serve({ $0.bounds.requestTimeout = .milliseconds(50) }) { port in
      let answer = try await RawClient.ask(
        port: port, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nx")
      #expect(answer.hasPrefix("HTTP/1.1 405") || answer.isEmpty)
    }
  }

  @Test func aBodyThatIsTooLarge() async throws {
    try await FakeWorker().serve({ $0.bounds.bodyBytes = 1000 }) { port in
      let answer = try await RawClient.ask(
        port: port,
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n" + String(repeating: "x", count: 2000))
      #expect(answer.hasPrefix("HTTP/1.1 405") || answer.isEmpty)
    }
  }

  @Test func headersThatAreTooLarge() async throws {
    try await FakeWorker().serve { port in
      let answer = try await RawClient.ask(
        port: port, "GET / HTTP/1.1\r\nHost: localhost\r\nX-A: \(String(repeating: "a", count: 20_000))\r\n\r\n")
      #expect(answer.hasPrefix("HTTP/1.1 4"))
    }
  }

  @Test func garbage() async throws {
    try await FakeWorker().serve { port in
      let answer = try await RawClient.ask(port: port, "\u{1}\u{2}\u{3} not http\r\n\r\n")
      #expect(answer.hasPrefix("HTTP/1.1 400"))
    }
  }

  @Test func moreConnectionsThanAllowedWait() async throws {
    try await FakeWorker().serve({
      $0.bounds.connections = 1
      $0.bounds.idleTimeout = .seconds(1)
    }) { port in
      // The first holds the only connection until it is idle for too long; the second is served then.
      try await RawClient.with(port: port) { _, _ in
        let answer = try await RawClient.ask(
          port: port, "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        #expect(answer.hasPrefix("HTTP/1.1 200"))
      }
    }
  }
}
