import CancelContract
import HTTPTransport
import NIOPosix
import NIOSSL
import Testing

@testable import CancelAPI

/// What `check` finds out of the API.
@Suite(.serialized, .timeLimit(.minutes(1)))
struct EToroProbeTests {
  private let directory: TemporaryDirectory

  init() throws {
    directory = try TemporaryDirectory()
  }

  private func probe(_ port: Int, scheme: String = "https", trusting: String) throws -> EToroProbe {
    var configuration = CancelClientConfiguration.local(port: port, timeout: .seconds(10))
    configuration.baseURL = "\(scheme)://localhost:\(port)"
    configuration.trustRoots = .file(try directory.write("roots.pem", trusting))
    return try EToroProbe(configuration, on: MultiThreadedEventLoopGroup.singleton.next())
  }

  private func failure(
    _ certificate: TestCertificate, trusting: String = TestCertificate.authority,
    change: (inout TLSConfiguration) -> Void = { _ in }
  ) async throws -> ConnectionProbe.Failure {
    var tls = try certificate.serverConfiguration(protocols: ["http/1.1"])
    change(&tls)
    return try await ScriptedServer.run(tls: tls) { _ in
      []
    } _: { server in
      let probe = try probe(server.port, trusting: trusting)
      let failure = await #expect(throws: ConnectionProbe.Failure.self) { try await probe.connect() }
      return try #require(failure)
    }
  }

  @Test func tellsProtocolCipherAndTheCertificatesEnd() async throws {
    try await ScriptedServer.runHTTP2 { _, _ in
      []
    } _: { server in
      let facts = try await probe(server.port, trusting: TestCertificate.authority).connect()
      #expect(facts.protocolName == .http2)
      #expect(facts.tlsVersion == "TLS 1.3")
      #expect(facts.cipher?.hasPrefix("TLS_") == true)
      #expect(facts.certificate.map { $0.notAfter > 4_900_000_000 } == true)
      #expect(facts.certificate?.names == ["localhost"])
      #expect(server.headers.isEmpty)
    }
  }

  @Test func saysThatACertificateIsNotTrusted() async throws {
    let failure = try await failure(.selfSigned)
    #expect(failure.fault.description.contains("no trusted authority issued it"))
    #expect(failure.certificate != nil)
  }

  @Test func saysThatACertificateIsForAnotherHost() async throws {
    let failure = try await failure(.elsewhere)
    #expect(failure.fault.description.contains("is for another host"))
    #expect(failure.certificate?.names.isEmpty == false)
  }

  @Test func saysThatACertificateHasExpired() async throws {
    let failure = try await failure(.expired)
    #expect(failure.fault.description.contains("has expired"))
    #expect(failure.certificate.map { $0.notAfter < 1_800_000_000 } == true)
  }

  @Test func saysThatACertificateHasNoNames() async throws {
    let failure = try await failure(.commonNameOnly, trusting: TestCertificate.commonNameOnly.certificate)
    #expect(failure.fault.description.contains("common name only"))
  }

  @Test func saysThatTLSIsTooOld() async throws {
    let failure = try await failure(.server) { tls in
      tls.minimumTLSVersion = .tlsv1
      tls.maximumTLSVersion = .tlsv11
    }
    #expect(failure.fault.description.contains("offers no TLS 1.2 or newer"))
  }

  @Test func saysThatThePortSpeaksPlainHTTP() async throws {
    // a plain server that is asked for TLS answers with a 400 of its own
    try await ScriptedServer.run { _ in
      []
    } _: { server in
      let probe = try probe(server.port, trusting: TestCertificate.authority)
      async let greeting: Void = {
        await server.waitForConnections(1)
        server.sendOnEveryConnection("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
      }()
      let failure = await #expect(throws: ConnectionProbe.Failure.self) { try await probe.connect() }
      await greeting
      #expect(failure?.fault.description.contains("plain HTTP") == true)
    }
  }

  @Test func triesEachCredentialWithALookup() async throws {
    let statuses = [200, 404, 401, 403, 429, 503]
    try await ScriptedServer.run { number in
      [.send("HTTP/1.1 \(statuses[number]) X\r\ncontent-length: 0\r\n\r\n")]
    } _: { server in
      let probe = try probe(server.port, scheme: "http", trusting: TestCertificate.authority)
      let accounts = try statuses.indices.map { number in
        let name = AccountName("a\(number)")
        return try number % 2 == 0 ? Canary.pair(name, environment: .real) : Canary.bearer(name)
      }
      let verdicts = try await probe.verdicts(on: accounts)
      #expect(verdicts.map(\.account.name) == accounts.map(\.name))
      #expect(
        verdicts.map(\.verdict).prefix(4) == [
          .accepted(status: 200), .accepted(status: 404), .refused(status: 401), .refused(status: 403),
        ])
      for verdict in verdicts.suffix(2) {
        guard case .unknown = verdict.verdict else {
          Issue.record("\(verdict) says something of the credential")
          continue
        }
      }
      #expect(server.requests[0].hasPrefix("GET /api/v2/trading/info/orders:lookup?orderId=1 HTTP/1.1\r\n"))
      #expect(server.requests[1].hasPrefix("GET /api/v2/trading/info/demo/orders:lookup?orderId=1 HTTP/1.1\r\n"))
    }
  }
}
