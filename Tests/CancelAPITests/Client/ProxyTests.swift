import CancelContract
import HTTPTransport
import Testing

@testable import CancelAPI

/// Calls through a proxy.
@Suite(.serialized, .timeLimit(.minutes(1)))
struct ProxyTests {
  private let directory: TemporaryDirectory

  init() throws {
    directory = try TemporaryDirectory()
  }

  /// The answer of an encrypted API behind a proxy, and what came to both.
  private func answer(
    demanding authorization: String? = nil, url: (Int) -> String, credentials: String? = nil
  ) async throws -> (answer: CancelAnswer, tunnels: [String], requests: [String]) {
    let tls = try TestCertificate.server.serverConfiguration(protocols: ["http/1.1"])
    return try await ScriptedServer.run(tls: tls) { _ in
      [.send("HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\n{\"token\":\"t\"}")]
    } _: { server in
      try await ConnectProxy.run(authorization: authorization) { proxy in
        var configuration = CancelClientConfiguration.local(port: server.port, timeout: .seconds(10))
        configuration.baseURL = "https://localhost:\(server.port)"
        configuration.trustRoots = .file(try directory.write("roots.pem", TestCertificate.authority))
        configuration.warmConnections = 0
        configuration.proxy = try HTTPProxy(url: url(proxy.port), credentials: credentials)
        let capture = LogCapture()
        let answer = try await ClientKind.nio.run(configuration, logger: capture.logger) {
          try await $0.cancel(.example()).get()
        }
        #expect(!capture.text.contains("hunter2"))
        return (answer, proxy.requests, server.requests)
      }
    }
  }

  @Test func callsTheAPIThroughTheTunnel() async throws {
    let outcome = try await answer(url: { "http://127.0.0.1:\($0)" })
    #expect(outcome.answer == CancelAnswer(kind: .accepted, httpStatus: 200, token: "t"))
    let tunnel = try #require(outcome.tunnels.first)
    #expect(tunnel.hasPrefix("CONNECT localhost:"))
    #expect(!Canary.all.contains { tunnel.contains($0) })
    #expect(outcome.requests.count == 1)
  }

  @Test func givesTheProxyItsCredentialsAndNobodyElse() async throws {
    for (url, credentials) in [("u:hunter2@", nil), ("", "u:hunter2")] as [(String, String?)] {
      let outcome = try await answer(
        demanding: "Basic dTpodW50ZXIy", url: { "http://\(url)127.0.0.1:\($0)" }, credentials: credentials)
      #expect(outcome.answer.kind == .accepted)
      #expect(outcome.requests.allSatisfy { !$0.lowercased().contains("proxy-authorization") })
    }
  }

  @Test func aProxyThatRefusesTheCredentialsIsAFaultOfTheWay() async throws {
    let outcome = try await answer(demanding: "Basic other", url: { "http://u:hunter2@127.0.0.1:\($0)" })
    #expect(outcome.answer.kind == .transient)
    let problem = try #require(outcome.answer.problem?.description)
    #expect(problem.contains("407") && problem.contains("api.proxyCredentials") && problem.contains("not sent"))
    #expect(!problem.contains("hunter2"))
    #expect(outcome.requests.isEmpty)
  }

  @Test func aProxyThatIsNotThereIsNamed() async throws {
    let outcome = try await answer(url: { _ in "http://127.0.0.1:1" })
    #expect(outcome.answer.kind == .transient)
    #expect(outcome.answer.problem?.description.contains("the proxy 127.0.0.1:1 refused the connection") == true)
  }
}
