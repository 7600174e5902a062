import CancelContract
import NIOHPACK
import NIOHTTP2
import Testing

@testable import CancelAPI

/// What each client makes of an HTTP/2 server, well behaved and otherwise.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct HTTP2Tests {
  private let directory: TemporaryDirectory

  init() throws {
    directory = try TemporaryDirectory()
  }

  private func configuration(
    _ server: ScriptedServer, timeout: Duration = .seconds(60)
  ) throws -> CancelClientConfiguration {
    var configuration = CancelClientConfiguration.local(port: server.port, timeout: timeout)
    configuration.baseURL = "https://localhost:\(server.port)"
    configuration.trustRoots = .file(try directory.write("roots.pem", TestCertificate.authority))
    return configuration
  }

  private func answer(
    _ kind: ClientKind, timeout: Duration = .seconds(60), _ script: @escaping ScriptedServer.HTTP2Script
  ) async throws -> CancelAnswer {
    try await ScriptedServer.runHTTP2(script: script) { server in
      try await kind.run(configuration(server, timeout: timeout)) { try await $0.cancel(.example()).get() }
    }
  }

  private static let ok: [HTTP2Step] = [
    .headers([":status": "200", "x-ratelimit-remaining": "7"], end: false), .data("{\"token\":\"t\"}", end: true),
  ]
  private static let accepted = CancelAnswer(
    kind: .accepted, httpStatus: 200, token: "t", rateLimit: RateLimit(remaining: 7))

  /// Sends a call, which must be accepted.
  private func expectAccepted(
    _ client: any CancelClient, sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let answer = try await client.cancel(.example()).get()
    #expect(answer == Self.accepted, sourceLocation: sourceLocation)
  }

  @Test(arguments: ClientKind.allCases)
  func sendsTheHeadersOfTheSpecification(_ kind: ClientKind) async throws {
    try await ScriptedServer.runHTTP2 { _, _ in
      Self.ok
    } _: { server in
      try await kind.run(configuration(server)) { client in
        let call = try CancelCall.example()
        #expect(try await client.cancel(call).get() == Self.accepted)
        let request = try #require(server.headers.first)
        #expect(request.first(name: ":method") == "DELETE")
        #expect(request.first(name: ":path") == "/api/v2/trading/execution/orders/13902598")
        #expect(request.first(name: ":authority") == "localhost:\(server.port)")
        #expect(request.first(name: "x-request-id") == call.requestID.uuidString.lowercased())
        #expect(request.first(name: "x-api-key") == Canary.apiKey)
        #expect(request.first(name: "x-user-key") == Canary.userKey)
        #expect(request.first(name: "user-agent") == "cancel-worker/test")
      }
    }
  }

  @Test(arguments: ClientKind.allCases)
  func oneConnectionCarriesManyCalls(_ kind: ClientKind) async throws {
    try await ScriptedServer.runHTTP2 { _, _ in
      Self.ok
    } _: { server in
      try await kind.run(configuration(server)) { client in
        // the first call tells the client what the server speaks
        _ = try await client.cancel(.example()).get()
        let calls = try (0..<200).map { _ in client.cancel(try .example()) }
        for call in calls { #expect(try await call.get() == Self.accepted) }
        #expect(server.connections <= 3)
        #expect(server.headers.count == 201)
      }
    }
  }

  @Test(arguments: ClientKind.allCases)
  func keepsToTheServersLimit(_ kind: ClientKind) async throws {
    let settings: HTTP2Settings = [HTTP2Setting(parameter: .maxConcurrentStreams, value: 1)]
    try await ScriptedServer.runHTTP2(settings: settings) { _, _ in
      Self.ok
    } _: { server in
      try await kind.run(configuration(server)) { client in
        let calls = try (0..<50).map { _ in client.cancel(try .example()) }
        for call in calls { #expect(try await call.get() == Self.accepted) }
      }
    }
  }

  @Test(arguments: ClientKind.allCases)
  func silenceIsAmbiguous(_ kind: ClientKind) async throws {
    let answer = try await answer(kind, timeout: .seconds(4)) { _, _ in [] }
    #expect(answer.kind == .ambiguous)
  }

  @Test(arguments: ClientKind.allCases)
  func silenceWithinTheBodyCostsTheBodyOnly(_ kind: ClientKind) async throws {
    let answer = try await answer(kind, timeout: .seconds(4)) { _, _ in
      [.headers([":status": "404"], end: false), .data("{\"ti", end: false)]
    }
    #expect(answer.kind == .rejected)
  }

  @Test(arguments: ClientKind.allCases)
  func aLostConnectionIsAmbiguous(_ kind: ClientKind) async throws {
    let answer = try await answer(kind) { _, _ in [.close] }
    #expect(answer.kind == .ambiguous)
  }

  @Test(arguments: ClientKind.allCases)
  func aResetStreamIsAmbiguous(_ kind: ClientKind) async throws {
    let answer = try await answer(kind) { _, _ in [.resetStream(.internalError)] }
    #expect(answer.kind == .ambiguous)
  }

  @Test func whatTheServerSaysItDidNotProcessIsTransient() async throws {
    let refused = try await answer(.nio) { _, _ in [.resetStream(.refusedStream)] }
    #expect(refused.kind == .transient)
    let goingAway = try await answer(.nio) { _, _ in [.goAway(last: .rootStream), .close] }
    #expect(goingAway.kind == .transient)
  }

  @Test(arguments: ClientKind.allCases)
  func aServerThatGoesAwayFinishesWhatItTook(_ kind: ClientKind) async throws {
    try await ScriptedServer.runHTTP2 { number, stream in
      number == 0 ? [.goAway(last: stream)] + Self.ok : Self.ok
    } _: { server in
      try await kind.run(configuration(server)) { client in
        for _ in 0..<3 {
          let answer = try await client.cancel(.example()).get()
          #expect(answer == Self.accepted)
        }
        #expect(server.connections >= 2)
      }
    }
  }

  @Test(arguments: ClientKind.allCases)
  func anEndlessBodyEndsTheCallAndNoOther(_ kind: ClientKind) async throws {
    let block = String(repeating: "x", count: 16_000)
    try await ScriptedServer.runHTTP2 { number, _ in
      number % 2 == 0 ? [.headers([":status": "404"], end: false), .dataForever(block)] : Self.ok
    } _: { server in
      try await kind.run(configuration(server)) { client in
        // together more than the connection's window: it has to be widened for the rest
        for _ in 0..<40 {
          let long = try await client.cancel(.example()).get()
          #expect(long.kind == .rejected)
          let short = try await client.cancel(.example()).get()
          #expect(short == Self.accepted)
        }
      }
    }
  }

  @Test(arguments: ClientKind.allCases)
  func interimResponsesAndTrailersAreSkipped(_ kind: ClientKind) async throws {
    let answer = try await answer(kind) { _, _ in
      [
        .headers([":status": "103", "x-ratelimit-remaining": "1"], end: false),
        .headers([":status": "200", "x-ratelimit-remaining": "7"], end: false),
        .data("{\"token\":\"t\"}", end: false), .headers(["x-trailer": "1"], end: true),
      ]
    }
    #expect(answer == Self.accepted)
  }

  @Test(arguments: ClientKind.allCases)
  func aHeadersOnlyAnswerWillDo(_ kind: ClientKind) async throws {
    let answer = try await answer(kind) { _, _ in [.headers([":status": "204"], end: true)] }
    #expect(answer == CancelAnswer(kind: .accepted, httpStatus: 204))
  }

  @Test func threeHundredPINGsCostNothing() async throws {
    try await ScriptedServer.runHTTP2 { _, _ in
      [.pings(300)] + Self.ok
    } _: { server in
      try await ClientKind.nio.run(configuration(server)) { client in
        for _ in 0..<5 { try await expectAccepted(client) }
        #expect(server.headers.count == 5)
        #expect(server.connections <= 2)
      }
    }
  }

  @Test func aFloodOfPINGsIsAFaultOfItsOwn() async throws {
    let capture = LogCapture()
    try await ScriptedServer.runHTTP2 { number, _ in
      switch number {
      // its answer is whole before the flood
      case 0: Self.ok + [.pings(25_000)]
      case 1: [.pings(25_000)]
      default: Self.ok
      }
    } _: { server in
      var configuration = try configuration(server)
      configuration.warmConnections = 0
      try await ClientKind.nio.run(configuration, logger: capture.logger) { client in
        try await expectAccepted(client)
        await server.waitForClosed(1)
        let flooded = try await client.cancel(.example()).get()
        #expect(flooded.kind == .ambiguous)
        #expect(flooded.problem?.description.contains("control frames") == true)
        try await expectAccepted(client)
        #expect(server.headers.count == 3)
        #expect(capture.text.contains("controlFrames"))
      }
    }
  }

  @Test func aCallDoesNotWaitForEverWhereTheServerAllowsNone() async throws {
    let settings: HTTP2Settings = [HTTP2Setting(parameter: .maxConcurrentStreams, value: 0)]
    try await ScriptedServer.runHTTP2(settings: settings) { _, _ in
      Self.ok
    } _: { server in
      try await ClientKind.nio.run(configuration(server, timeout: .seconds(1))) { client in
        let answer = try await client.cancel(.example()).get()
        #expect(answer.kind == .transient)
        #expect(answer.problem?.description.contains("had room") == true)
        #expect(server.headers.isEmpty)
        // tried again ever more slowly: 0.1, 0.2, 0.4, 0.8 s
        #expect(server.connections < 10)
      }
    }
  }

  @Test func aRefusedStreamGoesOutAgain() async throws {
    try await ScriptedServer.runHTTP2 { number, _ in
      number == 0 ? [.resetStream(.refusedStream)] : Self.ok
    } _: { server in
      try await ClientKind.nio.run(configuration(server)) { client in
        try await expectAccepted(client)
        #expect(Set(server.headers.map { $0.first(name: "x-request-id") }).count == 1)
        #expect(server.headers.count == 2)
      }
    }
  }

  @Test func whatAServerThatGoesAwayDidNotTakeGoesOutAgain() async throws {
    try await ScriptedServer.runHTTP2 { number, _ in
      number == 0 ? [.goAway(last: .rootStream)] : Self.ok
    } _: { server in
      try await ClientKind.nio.run(configuration(server)) { client in
        try await expectAccepted(client)
        #expect(server.headers.count == 2)
      }
    }
  }

  @Test func theLimitMayFallWhileCallsAreUnderWay() async throws {
    try await ScriptedServer.runHTTP2 { number, _ in
      (number == 3 ? [.settings(maxConcurrentStreams: 1)] : []) + Self.ok
    } _: { server in
      try await ClientKind.nio.run(configuration(server)) { client in
        let calls = try (0..<50).map { _ in client.cancel(try .example()) }
        for call in calls { #expect(try await call.get() == Self.accepted) }
      }
    }
  }

  @Test func aMisdirectedRequestGoesToANewConnection() async throws {
    try await ScriptedServer.runHTTP2 { number, _ in
      number == 0 ? [.headers([":status": "421"], end: true)] : Self.ok
    } _: { server in
      var configuration = try configuration(server)
      configuration.warmConnections = 0
      try await ClientKind.nio.run(configuration) { client in
        try await expectAccepted(client)
        #expect(server.connections == 2)
      }
    }
  }
}
