import NIOPosix
import Testing

@testable import CancelAPI

struct EndpointTests {
  @Test(arguments: [
    ("https://public-api.etoro.com", "public-api.etoro.com", 443, "", "https://public-api.etoro.com"),
    ("HTTPS://Public-API.etoro.com/", "public-api.etoro.com", 443, "", "https://public-api.etoro.com"),
    ("https://host:8443/a/b/", "host", 8443, "/a/b", "https://host:8443/a/b"),
    ("http://127.0.0.1:8080", "127.0.0.1", 8080, "", "http://127.0.0.1:8080"),
    ("http://localhost", "localhost", 80, "", "http://localhost"),
    ("http://[::1]:99/x", "::1", 99, "/x", "http://[::1]:99/x"),
  ])
  func readsABaseURL(_ url: String, _ host: String, _ port: Int, _ prefix: String, _ shown: String) throws {
    let endpoint = try Endpoint(baseURL: url)
    #expect(endpoint.host == host)
    #expect(endpoint.port == port)
    #expect(endpoint.pathPrefix == prefix)
    #expect(endpoint.description == shown)
  }

  @Test(arguments: [
    "", "public-api.etoro.com", "ftp://host", "https://", "https:///x", "https://user:pw@host", "https://host?x=1",
    "https://host#x", "https://host:0", "https://host:65536", "https://host:x", "https://host:", "https://ho st",
    "https://hös.t", "https://host/a b", "https://host//a", "https://host/{x}", "https://[::1", "https://[host]",
    "https://host\r\nx-evil: 1", "https://.host", "https://a..b", "file:///etc/passwd", "https://host/\u{7F}",
  ])
  func refusesWhatIsNoBaseURL(_ url: String) {
    let error = #expect(throws: CancelClientError.self) { try Endpoint(baseURL: url) }
    #expect(error?.code == .baseURL)
  }

  @Test(arguments: [
    "http://public-api.etoro.com", "http://10.0.0.1", "http://127.0.0.1.example.com", "http://localhost.example.com",
    "http://128.0.0.1", "http://[::2]",
  ])
  func refusesPlaintextBeyondThisMachine(_ url: String) throws {
    let error = #expect(throws: CancelClientError.self) { try Endpoint(baseURL: url) }
    #expect(error?.code == .plaintext)
    #expect(try !Endpoint(baseURL: url, allowPlaintext: true).isEncrypted)
  }

  @Test func theMessageHidesThePassword() {
    let error = #expect(throws: CancelClientError.self) {
      try Endpoint(baseURL: "https://me:\(Canary.userKey)@host")
    }
    #expect(error?.description.contains(Canary.userKey) == false)
  }
}

struct CancelPathTests {
  @Test func readsATemplate() throws {
    let path = try CancelPath("/api/v3/orders/{orderId}/cancel")
    #expect(path.prefix == "/api/v3/orders/" && path.suffix == "/cancel")
    #expect(path.description == "/api/v3/orders/{orderId}/cancel")
    #expect(CancelPaths()[.demo].description == "/api/v2/trading/execution/demo/orders/{orderId}")
    #expect(CancelPaths()[.real].description == "/api/v2/trading/execution/orders/{orderId}")
  }

  @Test(arguments: [
    "", "orders/{orderId}", "/orders", "/orders/{orderid}", "/{orderId}/{orderId}", "//host/{orderId}",
    "/a/../{orderId}", "/a?x={orderId}", "/a b/{orderId}", "/{orderId}#x", "/{orderId}\r\n", "/ö/{orderId}",
    "/{x}/{orderId}", "/./{orderId}", "https://host/{orderId}",
  ])
  func refusesWhatIsNoTemplate(_ template: String) {
    let error = #expect(throws: CancelClientError.self) { try CancelPath(template) }
    #expect(error?.code == .path)
  }
}

struct CancelClientConfigurationTests {
  private func code(_ change: (inout CancelClientConfiguration) -> Void) -> CancelClientError.Code? {
    var configuration = CancelClientConfiguration()
    change(&configuration)
    let error = #expect(throws: CancelClientError.self) {
      _ = try configuration.validated()
      _ = try EToroCancelClient(
        configuration: configuration, on: MultiThreadedEventLoopGroup.singleton.next(), logger: .init(label: "test"))
    }
    return error?.code
  }

  @Test func refusesWhatMakesNoSense() {
    #expect(code { $0.timeout = .zero } == .limit)
    #expect(code { $0.timeout = .seconds(-1) } == .limit)
    #expect(code { $0.connections = 0 } == .limit)
    #expect(code { $0.warmConnections = -1 } == .limit)
    #expect(code { $0.idleTimeout = .zero } == .limit)
    #expect(code { $0.maxWaiting = -1 } == .limit)
    #expect(code { $0.version = "1\r\n" } == .limit)
    #expect(code { $0.baseURL = "x" } == .baseURL)
    #expect(code { $0.baseURL = "http://example.com" } == .plaintext)
    #expect(code { $0.trustRoots = .file("/no/such/file.pem") } == .tls)
  }

  @Test func theDefaultsAreFine() throws {
    let endpoint = try CancelClientConfiguration().validated()
    #expect(endpoint.isEncrypted && endpoint.host == "public-api.etoro.com")
    let tls = try CancelClientConfiguration().tls.configuration()
    #expect(tls.minimumTLSVersion == .tlsv12)
    #expect(tls.certificateVerification == .fullVerification)
  }
}
