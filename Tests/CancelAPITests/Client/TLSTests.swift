import CancelContract
import FoundationEssentials
import NIOPosix
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
    configure: (inout CancelClientConfiguration) throws -> Void = { _ in },
    change: (inout TLSConfiguration) throws -> Void = { _ in }
  ) async throws -> (answer: CancelAnswer, requests: Int) {
    var tls = try certificate.serverConfiguration(protocols: ["http/1.1"])
    try change(&tls)
    return try await ScriptedServer.run(tls: tls) { _ in
      [.send("HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\n{\"token\":\"t\"}")]
    } _: { server in
      var configuration = CancelClientConfiguration.local(port: server.port)
      configuration.baseURL = "https://\(host):\(server.port)"
      if let roots { configuration.trustRoots = .file(try directory.write("roots.pem", roots)) }
      try configure(&configuration)
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
    let outcome = try await answer(
      kind, .server, trusting: TestCertificate.authority,
      change: { tls in
        tls.minimumTLSVersion = .tlsv1
        tls.maximumTLSVersion = .tlsv11
      })
    #expect(outcome.answer.kind == .transient)
    #expect(outcome.answer.problem?.description.contains("TLS") == true)
    #expect(outcome.requests == 0)
  }

  // swift-nio-ssl falls back to the common name, so async-http-client takes it
  @Test func refusesACertificateWithACommonNameOnly() async throws {
    try expectRefused(
      try await answer(.nio, .commonNameOnly, trusting: TestCertificate.commonNameOnly.certificate))
  }

  @Test(arguments: ClientKind.allCases, [true, false])
  func provesItselfWithAClientCertificate(_ kind: ClientKind, _ isKeyApart: Bool) async throws {
    let client = TestCertificate.client
    let outcome = try await answer(kind, .server, trusting: TestCertificate.authority) { configuration in
      configuration.clientCertificate = try directory.write(
        "client.pem", isKeyApart ? client.certificate : client.certificate + "\n" + client.key)
      if isKeyApart { configuration.clientKey = try directory.write("client.key", client.key) }
    } change: { tls in
      tls.certificateVerification = .noHostnameVerification
      tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(Array(client.certificate.utf8)))
    }
    #expect(outcome.answer.kind == .accepted)
    #expect(outcome.requests == 1)
  }

  @Test func aKeyThatDoesNotBelongToTheCertificateIsAFaultOfTheConfiguration() throws {
    var configuration = CancelClientConfiguration()
    configuration.clientCertificate = try directory.write("client.pem", TestCertificate.client.certificate)
    configuration.clientKey = try directory.write("client.key", TestCertificate.server.key)
    let error = #expect(throws: CancelClientError.self) {
      try EToroCancelClient(
        configuration: configuration, on: MultiThreadedEventLoopGroup.singleton.next(), logger: .init(label: "test"))
    }
    #expect(error?.code == .tls)
    configuration.clientCertificate = nil
    let alone = #expect(throws: CancelClientError.self) { try configuration.validated() }
    #expect(alone?.description.contains("api.clientCertificate") == true)
  }
}
