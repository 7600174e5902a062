import CancelContract
import FoundationEssentials
import NIOSSL
import Testing

@testable import CancelAPI

/// Whose certificates each client takes.
@Suite(.serialized)
struct TLSTests {
  private let directory: TemporaryDirectory

  init() throws {
    directory = try TemporaryDirectory()
  }

  /// The answer of a server with this certificate to a client that trusts `roots`.
  private func answer(
    _ kind: ClientKind,
    _ certificate: TestCertificate,
    trusting roots: String?,
    host: String = "localhost",
    change: (inout TLSConfiguration) -> Void = { _ in }
  ) async throws -> (answer: CancelAnswer, requests: Int) {
    var tls = try certificate.serverConfiguration(protocols: ["http/1.1"])
    change(&tls)
    return try await ScriptedServer.run(tls: tls) { _ in
      [.send("HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\n{\"token\":\"t\"}")]
    } _: { server in
      var configuration = CancelClientConfiguration.local(port: server.port)
      configuration.baseURL = "https://\(host):\(server.port)"
      if let roots { configuration.trustRoots = .file(try directory.write("roots.pem", roots)) }
      let answer = try await kind.run(configuration) { try await $0.cancel(.example()).get() }
      return (answer, server.requests.count)
    }
  }

  private func expectRefused(_ outcome: (answer: CancelAnswer, requests: Int)) throws {
    #expect(outcome.answer.kind == .transient)
    let problem = try #require(outcome.answer.problem?.description)
    #expect(problem.contains(ProblemType.apiUnreachable.uri))
    #expect(problem.contains("certificate") && problem.contains("not sent"))
    #expect(outcome.requests == 0)
  }

  @Test(arguments: ClientKind.allCases, ["localhost", "127.0.0.1"])
  func takesACertificateOfItsAuthority(_ kind: ClientKind, _ host: String) async throws {
    let outcome = try await answer(kind, .server, trusting: TestCertificate.authority, host: host)
    #expect(outcome.answer == CancelAnswer(kind: .accepted, httpStatus: 200, token: "t"))
  }

  @Test(arguments: ClientKind.allCases)
  func takesASelfSignedOneWhereItIsNamed(_ kind: ClientKind) async throws {
    let outcome = try await answer(kind, .selfSigned, trusting: TestCertificate.selfSigned.certificate)
    #expect(outcome.answer.kind == .accepted)
  }

  @Test(arguments: ClientKind.allCases)
  func refusesASelfSignedOne(_ kind: ClientKind) async throws {
    try expectRefused(try await answer(kind, .selfSigned, trusting: nil))
    try expectRefused(try await answer(kind, .selfSigned, trusting: TestCertificate.authority))
  }

  @Test(arguments: ClientKind.allCases)
  func refusesAnUnknownAuthority(_ kind: ClientKind) async throws {
    try expectRefused(try await answer(kind, .server, trusting: nil))
  }

  @Test(arguments: ClientKind.allCases)
  func refusesAnotherHostsCertificate(_ kind: ClientKind) async throws {
    try expectRefused(try await answer(kind, .elsewhere, trusting: TestCertificate.authority))
    try expectRefused(try await answer(kind, .elsewhere, trusting: TestCertificate.authority, host: "127.0.0.1"))
  }

  @Test(arguments: ClientKind.allCases)
  func refusesAnExpiredCertificate(_ kind: ClientKind) async throws {
    try expectRefused(try await answer(kind, .expired, trusting: TestCertificate.authority))
  }

  @Test(arguments: ClientKind.allCases)
  func refusesOldTLS(_ kind: ClientKind) async throws {
    let outcome = try await answer(kind, .server, trusting: TestCertificate.authority) { tls in
      tls.minimumTLSVersion = .tlsv1
      tls.maximumTLSVersion = .tlsv11
    }
    #expect(outcome.answer.kind == .transient)
    #expect(outcome.answer.problem?.description.contains("TLS") == true)
    #expect(outcome.requests == 0)
  }
}
