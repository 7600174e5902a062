import HTTPTransport
import Logging
import NIOPosix
import Testing

/// Requests with a body, over TLS.
struct RequestBodyTests {
  @Test func aBodyGoesOverHTTP1AlsoWhereTheServerHasHTTP2() async throws {
    let directory = try TemporaryDirectory()
    let tls = try TestCertificate.server.serverConfiguration(protocols: ["h2", "http/1.1"])
    try await ScriptedServer.run(tls: tls) { number in
      // the body ends as a head does, so that the server takes it for a second request
      number.isMultiple(of: 2) ? [] : [.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")]
    } _: { server in
      let origin = HTTPOrigin(isEncrypted: true, host: "localhost", port: server.port)
      var configuration = HTTPTransportConfiguration(origin: origin)
      configuration.offersHTTP2 = false
      configuration.warmConnections = 0
      configuration.tls.trustRootsFile = try directory.write("roots.pem", TestCertificate.authority)
      let client = try HTTPTransportClient(
        configuration, on: MultiThreadedEventLoopGroup.singleton.next(), logger: Logger(label: "test"))
      let template = HTTPRequestTemplate(method: .POST, origin: origin, pathPrefix: "/v1/traces", headers: [:])
      let body = String(repeating: "x", count: 20_000) + "\r\n\r\n"
      let request = HTTPRequest(
        template, argument: "", header: ("content-type", "text/plain"), secrets: HTTPSecretHeaders([]),
        body: .init(string: body))
      for _ in 0..<2 {
        let response = try await withCheckedThrowingContinuation { continuation in
          client.send(request) { continuation.resume(with: $0) }
        }
        #expect(response.status == 200)
      }
      await client.shutdown()
      #expect(server.connections == 1)
      try #require(server.requests.count == 4)
      #expect(server.requests[0].contains("\r\ncontent-length: 20004\r\n"))
      #expect(server.requests[1] == body && server.requests[3] == body)
    }
  }
}
