import CancelContract
import Testing

@testable import CancelAPI

/// What each client makes of servers that misbehave in one way each.
@Suite(.serialized)
struct HostileServerTests {
  private static let ok = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"

  /// The answer to one call to a server with this script.
  private func answer(
    _ kind: ClientKind,
    timeout: Duration = .seconds(60),
    _ script: @escaping ScriptedServer.Script
  ) async throws -> CancelAnswer {
    try await ScriptedServer.run(script: script) { server in
      try await kind.run(.local(port: server.port, timeout: timeout)) { client in
        try await client.cancel(.example()).get()
      }
    }
  }

  @Test(arguments: ClientKind.allCases)
  func acceptsAnOrdinaryAnswer(_ kind: ClientKind) async throws {
    let answer = try await answer(kind) { _ in
      [.send(Self.ok + "content-length: 16\r\n\r\n{\"token\": \"t-1\"}")]
    }
    #expect(answer == CancelAnswer(kind: .accepted, httpStatus: 200, token: "t-1"))
  }

  @Test(arguments: ClientKind.allCases)
  func sendsTheHeadersOfTheSpecification(_ kind: ClientKind) async throws {
    try await ScriptedServer.run { _ in
      [.send(Self.ok + "content-length: 0\r\n\r\n")]
    } _: { server in
      try await kind.run(.local(port: server.port)) { client in
        let pair = try CancelCall.example()
        _ = try await client.cancel(pair).get()
        let bearer = CancelCall(orderID: pair.orderID, account: try Canary.bearer())
        _ = try await client.cancel(bearer).get()

        let first = try #require(server.requests.first)
        #expect(first.hasPrefix("DELETE /api/v2/trading/execution/orders/13902598 HTTP/1.1\r\n"))
        let lines = first.lowercased().split(separator: "\r\n")
        #expect(lines.contains("x-request-id: \(pair.requestID.uuidString.lowercased())"))
        #expect(lines.contains("x-api-key: \(Canary.apiKey)"))
        #expect(lines.contains("x-user-key: \(Canary.userKey)"))
        #expect(lines.contains("host: 127.0.0.1:\(server.port)"))
        #expect(lines.contains("user-agent: cancel-worker/test"))
        #expect(lines.contains("accept: application/json"))
        #expect(!first.lowercased().contains("authorization"))

        let second = try #require(server.requests.last)
        #expect(second.hasPrefix("DELETE /api/v2/trading/execution/demo/orders/13902598 HTTP/1.1\r\n"))
        #expect(second.lowercased().contains("\r\nauthorization: bearer \(Canary.token)\r\n"))
        #expect(!second.lowercased().contains("x-api-key") && !second.lowercased().contains("x-user-key"))
      }
    }
  }

  @Test(arguments: ClientKind.allCases)
  func waitsForASlowAnswer(_ kind: ClientKind) async throws {
    let answer = try await answer(kind) { _ in
      Array((Self.ok + "content-length: 13\r\n\r\n{\"token\":\"t\"}").map { .send(String($0)) })
    }
    #expect(answer == CancelAnswer(kind: .accepted, httpStatus: 200, token: "t"))
  }

  @Test(arguments: ClientKind.allCases)
  func silenceIsAmbiguous(_ kind: ClientKind) async throws {
    let answer = try await answer(kind, timeout: .seconds(4)) { _ in [] }
    #expect(answer.kind == .ambiguous)
    #expect(answer.httpStatus == nil)
    #expect(answer.problem?.description.contains(ProblemType.apiAnswerLost.uri) == true)
  }

  @Test(arguments: ClientKind.allCases)
  func silenceWithinTheHeadIsAmbiguous(_ kind: ClientKind) async throws {
    let answer = try await answer(kind, timeout: .seconds(4)) { _ in [.send(Self.ok)] }
    #expect(answer.kind == .ambiguous)
  }

  @Test(arguments: ClientKind.allCases)
  func silenceWithinTheBodyCostsTheBodyOnly(_ kind: ClientKind) async throws {
    let accepted = try await answer(kind, timeout: .seconds(4)) { _ in
      [.send(Self.ok + "content-length: 100\r\n\r\n{\"token\":")]
    }
    #expect(accepted == CancelAnswer(kind: .accepted, httpStatus: 200))
    let refused = try await answer(kind, timeout: .seconds(4)) { _ in
      [.send("HTTP/1.1 404 Not Found\r\ncontent-length: 100\r\n\r\n{\"title\":")]
    }
    #expect(refused.kind == .rejected)
    #expect(refused.problem?.description.contains(ProblemType.apiStatus.uri) == true)
  }

  /// Where a connection ends, and what that makes of the call.
  static let endings: [(after: String, kind: CancelAnswer.Kind)] = [
    ("", .ambiguous),
    ("HTT", .ambiguous),
    ("HTTP/1.1 200 OK\r\n", .ambiguous),
    ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n", .ambiguous),
    ("HTTP/1.1 100 Continue\r\n\r\n", .ambiguous),
    ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", .accepted),
    ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n{\"t", .accepted),
    ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"t", .accepted),
    ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"tok\r\n", .accepted),
    ("HTTP/1.1 404 Not Found\r\ncontent-length: 5\r\n\r\n{\"t", .rejected),
    ("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 5\r\n\r\n", .transient),
  ]

  @Test(arguments: ClientKind.allCases, endings)
  func aConnectionClosedMidway(_ kind: ClientKind, _ ending: (after: String, kind: CancelAnswer.Kind)) async throws {
    let answer = try await answer(kind) { _ in [.send(ending.after), .close] }
    #expect(answer.kind == ending.kind)
  }

  @Test(arguments: ClientKind.allCases, endings)
  func aConnectionResetMidway(_ kind: ClientKind, _ ending: (after: String, kind: CancelAnswer.Kind)) async throws {
    let answer = try await answer(kind) { _ in [.send(ending.after), .reset] }
    // a reset may overtake what was sent before it, and then nothing is known
    #expect(answer.kind == ending.kind || answer.kind == .ambiguous)
    #expect(answer.problem != nil || answer.kind == .accepted)
  }

  @Test(arguments: ClientKind.allCases)
  func anEndlessBodyEndsTheCall(_ kind: ClientKind) async throws {
    let block = String(repeating: "x", count: 32 * 1024)
    let chunk = String(block.count, radix: 16) + "\r\n\(block)\r\n"
    let chunked = try await answer(kind) { _ in
      [.send(Self.ok + "transfer-encoding: chunked\r\n\r\n"), .sendForever(chunk)]
    }
    #expect(chunked.kind == .ambiguous)
    #expect(chunked.httpStatus == 200)
    let unframed = try await answer(kind) { _ in
      [.send("HTTP/1.1 500 Oops\r\n\r\n"), .sendForever(block)]
    }
    #expect(unframed.kind == .transient)
    #expect(unframed.httpStatus == 500)
    let announced = try await answer(kind) { _ in
      [.send("HTTP/1.1 404 Not Found\r\ncontent-length: 999999999999\r\n\r\n"), .sendForever(block)]
    }
    #expect(announced.kind == .rejected)
  }

  @Test(arguments: ClientKind.allCases)
  func contentTypesDontMatter(_ kind: ClientKind) async throws {
    let plain = try await answer(kind) { _ in
      [.send("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 13\r\n\r\n{\"token\":\"t\"}")]
    }
    #expect(plain.token == "t")
    let html = "<html><body>Bad gateway</body></html>"
    let page = try await answer(kind) { _ in
      [.send("HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/html\r\ncontent-length: \(html.count)\r\n\r\n\(html)")]
    }
    #expect(page.kind == .transient)
    #expect(page.problem?.description.contains("<html") == false)
    let maintenance = try await answer(kind) { _ in
      [.send("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: \(html.count)\r\n\r\n\(html)")]
    }
    #expect(maintenance.kind == .ambiguous)
    #expect(maintenance.httpStatus == 200)
  }

  @Test(arguments: ClientKind.allCases, [301, 302, 303, 307, 308])
  func redirectsAreNotFollowed(_ kind: ClientKind, _ status: Int) async throws {
    try await ScriptedServer.run { _ in
      [.send(Self.ok + "content-length: 0\r\n\r\n")]
    } _: { trap in
      let answer = try await answer(kind) { _ in
        [
          .send(
            "HTTP/1.1 \(status) Over there\r\nlocation: http://me@127.0.0.1:\(trap.port)/take?it\r\ncontent-length: 0\r\n\r\n"
          )
        ]
      }
      #expect(answer.kind == .transient)
      #expect(answer.httpStatus == status)
      let problem = try #require(answer.problem?.description)
      #expect(problem.contains("127.0.0.1:\(trap.port)") && problem.contains("api.baseURL"))
      #expect(!problem.contains("take") && !problem.contains("me@"))
      #expect(trap.connections == 0)
    }
  }

  @Test(arguments: ClientKind.allCases)
  func interimResponsesAreSkipped(_ kind: ClientKind) async throws {
    let answer = try await answer(kind) { _ in
      [
        .send("HTTP/1.1 100 Continue\r\n\r\n"), .send("HTTP/1.1 103 Early Hints\r\nretry-after: 9\r\n\r\n"),
        .send("HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\n{\"token\":\"t\"}"),
      ]
    }
    #expect(answer == CancelAnswer(kind: .accepted, httpStatus: 200, token: "t"))
  }

  @Test(arguments: ClientKind.allCases)
  func aSuccessNeedsNoBody(_ kind: ClientKind) async throws {
    for head in ["HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n"] {
      let answer = try await answer(kind) { _ in [.send(head)] }
      #expect(answer.kind == .accepted)
      #expect(answer.token == nil && answer.problem == nil)
    }
  }

  @Test(
    arguments: ClientKind.allCases,
    [
      "HTTP/1.1 OK\r\n\r\n", "HTTP/1.1 20\r\n\r\n", "HTTP/9.9 200 OK\r\n\r\n", "garbage garbage garbage\r\n\r\n",
      "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
      "HTTP/1.1 200 OK\r\nname : value\r\n\r\n", "SSH-2.0-OpenSSH_9.6\r\n",
    ])
  func whatIsNoHTTPIsAmbiguous(_ kind: ClientKind, _ text: String) async throws {
    // Within the time that a busy machine may take for the connection alone, which would be no ambiguous answer.
    let answer = try await answer(kind, timeout: .seconds(4)) { _ in [.send(text)] }
    #expect(answer.kind == .ambiguous)
    #expect(answer.httpStatus == nil)
  }

  @Test(arguments: ClientKind.allCases)
  func hugeHeadersAreAmbiguous(_ kind: ClientKind) async throws {
    let long = String(repeating: "x", count: 3_000_000)
    let one = try await answer(kind) { _ in [.send("HTTP/1.1 200 OK\r\nx-long: \(long)\r\n\r\n")] }
    #expect(one.kind == .ambiguous)
    let many = try await answer(kind) { _ in
      [.send("HTTP/1.1 200 OK\r\n"), .sendForever("x-one-of-many: \(long.prefix(1000))\r\n")]
    }
    #expect(many.kind == .ambiguous)
  }

  @Test(arguments: ClientKind.allCases)
  func aRefusedConnectionIsTransient(_ kind: ClientKind) async throws {
    let port = try await ScriptedServer.run { _ in
      []
    } _: {
      $0.port
    }
    let answer = try await kind.run(.local(port: port)) { try await $0.cancel(.example()).get() }
    #expect(answer.kind == .transient)
    #expect(answer.httpStatus == nil)
    let problem = try #require(answer.problem?.description)
    #expect(problem.contains(ProblemType.apiUnreachable.uri))
    #expect(problem.contains("refused the connection") && problem.contains("not sent"))
  }

  @Test(arguments: ClientKind.allCases)
  func anUnknownHostIsTransient(_ kind: ClientKind) async throws {
    var configuration = CancelClientConfiguration()
    configuration.baseURL = "https://no-such-host.invalid"
    let answer = try await kind.run(configuration) { try await $0.cancel(.example()).get() }
    #expect(answer.kind == .transient)
    #expect(answer.problem?.description.contains("not sent") == true)
  }

  @Test(arguments: ClientKind.allCases)
  func aSilentTLSServerIsTransient(_ kind: ClientKind) async throws {
    // nothing is sent before the handshake is over
    try await ScriptedServer.run { _ in
      []
    } _: { server in
      var configuration = CancelClientConfiguration.local(port: server.port, timeout: .seconds(1))
      configuration.baseURL = "https://127.0.0.1:\(server.port)"
      let answer = try await kind.run(configuration) { try await $0.cancel(.example()).get() }
      #expect(answer.kind == .transient)
    }
  }

  @Test(arguments: ClientKind.allCases)
  func everyStatusHasItsKind(_ kind: ClientKind) async throws {
    let kinds: [Int: CancelAnswer.Kind] = [
      200: .accepted, 202: .accepted, 299: .accepted, 400: .rejected, 401: .credentialRefused,
      403: .credentialRefused, 404: .rejected, 405: .failed, 407: .transient, 408: .transient, 409: .rejected,
      422: .rejected,
      425: .transient, 429: .throttled, 500: .transient, 502: .transient, 503: .transient, 599: .transient,
    ]
    let statuses = kinds.keys.sorted()
    try await ScriptedServer.run { number in
      [.send("HTTP/1.1 \(statuses[number]) X\r\ncontent-length: 0\r\nretry-after: 2\r\n\r\n")]
    } _: { server in
      try await kind.run(.local(port: server.port)) { client in
        for status in statuses {
          let answer = try await client.cancel(.example()).get()
          #expect(answer.httpStatus == status)
          #expect(answer.kind == kinds[status], "\(status)")
          #expect((answer.problem == nil) == (answer.kind == .accepted))
          #expect(answer.rateLimit?.retryAfter == .seconds(2))
        }
      }
    }
  }

  @Test(arguments: ClientKind.allCases)
  func anEchoOfTheSecretsIsNotPassedOn(_ kind: ClientKind) async throws {
    let refused = try await answer(kind) { _ in
      let body = "{\"detail\":\"bad key \(Canary.userKey)\"}"
      return [.send("HTTP/1.1 401 Unauthorized\r\ncontent-length: \(body.count)\r\n\r\n\(body)")]
    }
    #expect(refused.kind == .credentialRefused)
    #expect(refused.problem?.description.contains(Canary.userKey) == false)
    let accepted = try await answer(kind) { _ in
      let body = "{\"token\":\"\(Canary.apiKey)\"}"
      return [.send("HTTP/1.1 200 OK\r\ncontent-length: \(body.count)\r\n\r\n\(body)")]
    }
    #expect(accepted == CancelAnswer(kind: .accepted, httpStatus: 200))
  }
}
