import CancelContract
import Testing

@testable import CancelAPI

/// What real HTTP/1.1 servers, gateways and proxies do to a connection.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct ServerBehaviourTests {
  private static let ok = "HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\n{\"token\":\"t\"}"
  private static let forged = "HTTP/1.1 200 OK\r\ncontent-length: 18\r\n\r\n{\"token\":\"forged\"}"
  private static let accepted = CancelAnswer(kind: .accepted, httpStatus: 200, token: "t")

  private func oneConnection(_ server: ScriptedServer, timeout: Duration = .seconds(60)) -> CancelClientConfiguration {
    var configuration = CancelClientConfiguration.local(port: server.port, timeout: timeout)
    configuration.connections = 1
    configuration.warmConnections = 0
    return configuration
  }

  /// Sends a call, which must be accepted.
  private func expectAccepted(
    _ client: any CancelClient, sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let answer = try await client.cancel(.example()).get()
    #expect(answer == Self.accepted, sourceLocation: sourceLocation)
  }

  @Test func asksForNoCompressionAndDecodesItAllTheSame() async throws {
    let gzip: [UInt8] = [
      0x1F, 0x8B, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xAB, 0x56, 0x2A, 0xC9, 0xCF, 0x4E, 0xCD, 0x53, 0xB2,
      0x52, 0x2A, 0x51, 0xAA, 0x05, 0x00, 0xD2, 0xD0, 0xD0, 0x24, 0x0D, 0x00, 0x00, 0x00,
    ]
    try await ScriptedServer.run { number in
      switch number {
      case 0:
        [.send("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: \(gzip.count)\r\n\r\n"), .sendBytes(gzip)]
      case 1: [.send("HTTP/1.1 200 OK\r\ncontent-encoding: br\r\ncontent-length: 3\r\n\r\nabc")]
      default: [.send("HTTP/1.1 404 Not Found\r\ncontent-encoding: br\r\ncontent-length: 3\r\n\r\nabc")]
      }
    } _: { server in
      try await ClientKind.nio.run(oneConnection(server)) { client in
        try await expectAccepted(client)
        #expect(server.requests[0].contains("\r\naccept-encoding: identity\r\n"))
        let unread = try await client.cancel(.example()).get()
        #expect(unread.kind == .ambiguous && unread.httpStatus == 200)
        #expect(unread.problem?.description.contains("coding") == true)
        let refused = try await client.cancel(.example()).get()
        #expect(refused.httpStatus == 404)
        #expect(refused.problem?.description.contains("coding") == true)
        #expect(server.connections == 1)
      }
    }
  }

  @Test(arguments: [
    ("HTTP/1.1 200 OK\r\nx-a: b\r\n folded\r\ncontent-length: 0\r\n\r\n", "folded"),
    ("HTTP/1.1 200 OK\r\nno colon\r\ncontent-length: 0\r\n\r\n", "no colon"),
    ("HTTP/1.1 200 OK\r\nx a: b\r\ncontent-length: 0\r\n\r\n", "character"),
    ("HTTP/1.1 200 OK\r\nx-a : b\r\ncontent-length: 0\r\n\r\n", "character"),
    ("HTTP/1.1 200 OK\r\nx-a: b\u{1}\r\ncontent-length: 0\r\n\r\n", "character"),
    ("HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n", "content-length"),
    ("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", "content-length"),
    ("HTTP/2.0 200 OK\r\n\r\n", "version"), ("ICY 200 OK\r\n\r\n", "begin with HTTP/"),
    ("HTTP/1.1 2x0 OK\r\n\r\n", "status"),
    ("HTTP/1.1 200 OK\r\nset-cookie: \(String(repeating: "c", count: 90_000))\r\n\r\n", "larger"),
  ])
  func anUnreadableHeadHasItsCauseAndCostsNoOtherCall(_ head: String, _ cause: String) async throws {
    try await ScriptedServer.run { number in
      [.send(number == 0 ? head : Self.ok)]
    } _: { server in
      let capture = LogCapture()
      try await ClientKind.nio.run(oneConnection(server), logger: capture.logger) { client in
        let first = try await client.cancel(.example()).get()
        #expect(first.kind == .ambiguous && first.httpStatus == nil)
        #expect(first.problem?.description.contains(cause) == true, "\(first)")
        #expect(capture.text.contains(cause))
        // the next one goes out on a fresh connection
        try await expectAccepted(client)
        #expect(server.connections == 2)
      }
    }
  }

  @Test func fortyKilobytesOfCookiesAreRead() async throws {
    let cookies = (0..<20).map { "set-cookie: c\($0)=\(String(repeating: "v", count: 2000))\r\n" }.joined()
    try await ScriptedServer.run { _ in
      [.send("HTTP/1.1 200 OK\r\n\(cookies)content-length: 13\r\n\r\n{\"token\":\"t\"}")]
    } _: { server in
      try await ClientKind.nio.run(oneConnection(server)) { client in
        for _ in 0..<3 { try await expectAccepted(client) }
        #expect(server.connections == 1)
      }
    }
  }

  @Test func everyAnswerMayEndItsConnection() async throws {
    try await ScriptedServer.run { _ in
      [.send(Self.ok.replacing("content-length", with: "connection: close\r\ncontent-length")), .close]
    } _: { server in
      try await ClientKind.nio.run(oneConnection(server)) { client in
        let calls = try (1...50).map { client.cancel(try .example($0)) }
        for call in calls { #expect(try await call.get() == Self.accepted) }
        #expect(server.connections == 50)
      }
    }
  }

  @Test func bytesOnAnIdleConnectionAnswerNoCall() async throws {
    try await ScriptedServer.run { _ in
      [.send(Self.ok)]
    } _: { server in
      try await ClientKind.nio.run(oneConnection(server)) { client in
        try await expectAccepted(client)
        server.sendOnEveryConnection(Self.forged)
        await server.waitForClosed(1)
        try await expectAccepted(client)
        #expect(server.connections == 2)
      }
    }
  }

  @Test func aLateAnswerAnswersNoOtherCall() async throws {
    try await ScriptedServer.run { number in
      number == 0 ? [] : [.send(Self.ok)]
    } _: { server in
      try await ClientKind.nio.run(oneConnection(server, timeout: .seconds(1))) { client in
        let late = try await client.cancel(.example()).get()
        #expect(late.kind == .ambiguous)
        server.sendOnEveryConnection(Self.forged)
        try await expectAccepted(client)
      }
    }
  }

  @Test func aDeadPeerHoldsItsPlaceNoLongerThanTheCall() async throws {
    // TLS waits for the peer's part of the end, which never comes
    let tls = try TestCertificate.server.serverConfiguration(protocols: ["http/1.1"])
    let directory = try TemporaryDirectory()
    try await ScriptedServer.run(tls: tls) { number in
      number == 0 ? [.stopReading] : [.send(Self.ok)]
    } _: { server in
      var configuration = oneConnection(server, timeout: .seconds(1))
      configuration.baseURL = "https://localhost:\(server.port)"
      configuration.trustRoots = .file(try directory.write("roots.pem", TestCertificate.authority))
      try await ClientKind.nio.run(configuration) { client in
        let dead = client.cancel(try .example(1))
        await server.waitForRequests(1)
        let start = ContinuousClock.now
        // waits for the place; its own bound is two seconds, so five more would be too many
        let waiting = client.cancel(try .example(2))
        #expect(try await dead.get().kind == .ambiguous)
        #expect(try await waiting.get() == Self.accepted)
        #expect(ContinuousClock.now - start < .seconds(5))
      }
    }
  }

  @Test func aMisdirectedRequestGoesToANewConnection() async throws {
    try await ScriptedServer.run { number in
      [.send(number == 0 ? "HTTP/1.1 421 Misdirected Request\r\ncontent-length: 0\r\n\r\n" : Self.ok)]
    } _: { server in
      try await ClientKind.nio.run(oneConnection(server)) { client in
        try await expectAccepted(client)
        #expect(server.requests.count == 2)
        #expect(server.connections == 2)
      }
    }
  }

  @Test func aRequestThatIsMisdirectedAgainAndAgainIsToldSo() async throws {
    try await ScriptedServer.run { _ in
      [.send("HTTP/1.1 421 Misdirected Request\r\ncontent-length: 0\r\n\r\n")]
    } _: { server in
      try await ClientKind.nio.run(oneConnection(server)) { client in
        let answer = try await client.cancel(.example()).get()
        #expect(answer.httpStatus == 421)
        #expect(server.requests.count == 3)
      }
    }
  }
}
