import Testing

@testable import HTTPTransport

struct HTTPProxyTests {
  private static let api = HTTPOrigin(isEncrypted: true, host: "public-api.etoro.com", port: 443)

  @Test(arguments: [
    ("http://proxy.example:3128", "proxy.example", 3128, nil), ("proxy.example:3128/", "proxy.example", 3128, nil),
    ("HTTP://user:pass@Proxy.example:80", "proxy.example", 80, "Basic dXNlcjpwYXNz"),
    ("http://us%65r:p%40ss@[::1]:3128", "::1", 3128, "Basic dXNlcjpwQHNz"),
    ("http://u@10.0.0.1:3128", "10.0.0.1", 3128, "Basic dQ=="), ("http://proxy.corp", "proxy.corp", 80, nil),
    ("http://u@[::1]/", "::1", 80, "Basic dQ=="),
  ])
  func readsAnAddress(_ url: String, _ host: String, _ port: Int, _ authorization: String?) throws {
    let proxy = try HTTPProxy(url: url)
    #expect(proxy.host == host)
    #expect(proxy.port == port)
    #expect(proxy.authorization == authorization)
  }

  @Test(arguments: [
    "", "proxy.example", "[::1]", "http://", "http://proxy.example:", "http://::1", "http://[::1]x:1",
    "http://proxy.example:0", "http://proxy.example:70000",
    "https://proxy.example:3128",
    "socks5://proxy.example:1080", "http://pro xy:3128", "http://::1:3128", "http://u%zz:secret@proxy.example:3128",
    "http://proxy.example:3128\r\nx: y",
  ])
  func refusesWhatIsNoAddressAndDoesNotRepeatIt(_ url: String) {
    let fault = #expect(throws: HTTPProxy.Fault.self) { try HTTPProxy(url: url) }
    #expect(fault?.description.contains("secret") == false)
  }

  @Test func neverShowsTheCredentials() throws {
    let proxy = try HTTPProxy(url: "http://user:hunter2@proxy.example:3128", credentials: "me:hunter3")
    var shown = "\(proxy) \(String(reflecting: proxy))"
    dump(proxy, to: &shown)
    #expect(shown.contains("proxy.example:3128"))
    for secret in ["hunter", "me:", "Basic", "bWU6"] { #expect(!shown.contains(secret)) }
    #expect(proxy.authorization == "Basic bWU6aHVudGVyMw==")
  }

  @Test(arguments: [
    ("", true), ("example.com", true), ("*", false), ("etoro.com", false), (".etoro.com", false),
    ("*.etoro.com", false),
    ("a.b, PUBLIC-API.etoro.com", false), ("toro.com", true), ("public-api.etoro.com:443", false),
    ("public-api.etoro.com:8443", true), ("10.0.0.0/8", true),
  ])
  func theEnvironmentExcludesHosts(_ excluded: String, _ isUsed: Bool) throws {
    let environment = ["HTTPS_PROXY": "http://proxy.example:3128", "NO_PROXY": excluded]
    #expect(try (HTTPProxy.environment(environment, for: Self.api) != nil) == isUsed)
  }

  @Test func theEnvironmentExcludesNetworksAndThisMachine() throws {
    func isUsed(_ host: String) throws -> Bool {
      try HTTPProxy.environment(
        ["https_proxy": "proxy.example:3128", "no_proxy": "10.1.0.0/16,192.168.0.7"],
        for: HTTPOrigin(isEncrypted: true, host: host, port: 443)) != nil
    }
    #expect(try !isUsed("10.1.255.3") && !isUsed("192.168.0.7"))
    #expect(try isUsed("10.2.0.1") && isUsed("192.168.0.8"))
    #expect(try !isUsed("localhost") && !isUsed("127.0.0.1") && !isUsed("::1"))
  }

  @Test(arguments: [
    ("fd00::/8", false), ("FD12:0:0:0:0:0:0:7", false), ("[fd12::7]", false), ("[fd12::7]:443", false), ("::/0", false),
    ("fd12::4/125", false), ("a.b,[fd12::7]", false), ("fd12::8/125", true), ("[fd12::7]:8443", true),
    ("fe80::/10", true), ("0.0.0.0/0", true), ("fd12::7/129", true), ("fd12::7/", true), ("[fd12::7", true),
    ("[fd12::7]443", true), ("[]", true), ("fd12", true), ("7", true), (":443", true),
  ])
  func theEnvironmentExcludesAddressesOfVersion6(_ excluded: String, _ isUsed: Bool) throws {
    let environment = ["HTTPS_PROXY": "http://proxy.example:3128", "NO_PROXY": excluded]
    let origin = HTTPOrigin(isEncrypted: true, host: "fd12::7", port: 443)
    #expect(try (HTTPProxy.environment(environment, for: origin) != nil) == isUsed)
  }

  @Test(arguments: [
    (["ALL_PROXY": "all:1"], "all:1", "all:1"), (["all_proxy": "all:1", "ALL_PROXY": "other:1"], "all:1", "all:1"),
    (["ALL_PROXY": "all:1", "HTTPS_PROXY": "tls:1"], "tls:1", "all:1"),
    (["ALL_PROXY": "all:1", "https_proxy": "", "http_proxy": "plain:1"], "all:1", "plain:1"),
    (["ALL_PROXY": "all:1", "NO_PROXY": "etoro.com"], nil, nil), (["ALL_PROXY": ""], nil, nil),
  ])
  func oneVariableServesAllSchemes(
    _ environment: [String: String], _ encrypted: String?, _ plain: String?
  ) throws {
    #expect(try HTTPProxy.environment(environment, for: Self.api)?.description == encrypted)
    let origin = HTTPOrigin(isEncrypted: false, host: Self.api.host, port: 80)
    #expect(try HTTPProxy.environment(environment, for: origin)?.description == plain)
  }

  @Test(arguments: ["all_proxy", "ALL_PROXY", "https_proxy"])
  func namesTheVariableAsItIsSpelt(_ name: String) {
    let fault = #expect(throws: HTTPProxy.Fault.self) {
      try HTTPProxy.environment([name: "socks5://user:hunter2@proxy.example:1"], for: Self.api)
    }
    #expect(fault?.description.contains("\(name) is not") == true)
    #expect(fault?.description.contains("hunter2") == false)
  }

  @Test func namesTheVariableThatIsAtFault() {
    let fault = #expect(throws: HTTPProxy.Fault.self) {
      try HTTPProxy.environment(["HTTPS_PROXY": "https://user:hunter2@proxy.example:1"], for: Self.api)
    }
    #expect(fault?.description.contains("HTTPS_PROXY") == true)
    #expect(fault?.description.contains("hunter2") == false)
  }
}
